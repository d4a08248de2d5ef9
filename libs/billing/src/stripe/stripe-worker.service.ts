import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { STRIPE_CONFIG } from './stripe.tokens.js';
import { type StripeConfig } from './stripe.config.js';
import { StripeBilling } from './stripe-billing.js';

/**
 * Does what waits: events, charges, dates that pass, the night's audit. It runs in every process; rows and locks see to it
 * that each thing is done once.
 */
@Injectable()
export class StripeWorker implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('Stripe');
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private wanted = false;
  private stopped = false;

  constructor(
    @Inject(STRIPE_CONFIG) private readonly config: StripeConfig,
    private readonly stripe: StripeBilling,
  ) {}

  /** @throws ConfigError: a key of the other mode ends the start */
  async onModuleInit(): Promise<void> {
    await this.stripe.checkMode();
    if (this.stripe.configured && this.config.webhookSecrets.length === 0) this.log.warn('STRIPE_WEBHOOK_SECRET is not set: payments and cancellations are learned of by the nightly audit alone');
  }

  onApplicationBootstrap(): void {
    if (!this.stripe.configured || this.config.lookEveryMs === 0) return;
    this.timer = setInterval(() => this.wake(), this.config.lookEveryMs);
    this.timer.unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.running;
  }

  /** Has it look now. Never rejects, and never runs twice at once. */
  wake(): void {
    if (this.stopped || !this.stripe.configured) return;
    this.wanted = true;
    this.running ??= this.work().finally(() => (this.running = null));
  }

  private async work(): Promise<void> {
    while (this.wanted && !this.stopped) {
      this.wanted = false;
      await this.attempt('events', () => this.stripe.inbox.drain());
      await this.attempt('dates', () => this.stripe.projector.passTime());
      await this.attempt('charges', () => this.stripe.sender.drain());
      await this.attempt('the audit', () => this.stripe.audit.runIfDue());
    }
  }

  private async attempt(what: string, work: () => Promise<unknown>): Promise<void> {
    if (this.stopped) return;
    try {
      await work();
    } catch (error) {
      // A store or Stripe is away: the next look tries again.
      this.log.warn(`${what} could not be looked after: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
