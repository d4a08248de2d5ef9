import { type Logger } from '@nestjs/common';
import { ApexError, type Clock } from '@apex/common';
import Stripe from 'stripe';
import { type DataSource } from 'typeorm';
import { eventSchema, isTimely, SIGNATURE_TOLERANCE_SECONDS, type StripeEvent, targetOf } from '../core/stripe/events.js';
import { type ModeGuard } from './mode-guard.js';
import { type StripeProjector } from './stripe-projector.js';

const BATCH = 100;
const LONGEST_PAUSE_MS = 30 * 60_000;

interface InboxRow {
  readonly id: string;
  readonly payload: unknown;
  readonly attempts: number;
}

/** What Stripe tells: written down first, and understood afterwards, as often as it takes. */
export class StripeInbox {
  constructor(
    private readonly dataSource: DataSource,
    private readonly projector: StripeProjector,
    private readonly mode: ModeGuard,
    private readonly livemode: boolean,
    private readonly secrets: readonly string[],
    private readonly clock: Clock,
    private readonly log: Pick<Logger, 'warn'>,
  ) {}

  /**
   * Takes in what was posted to the webhook. When it resolves the event is stored, and with it the job to handle it: the
   * row is the job.
   * @returns whether it was new
   * @throws ApexError 400 `bad_signature` | `livemode_mismatch` | `malformed_event`, 409 `webhooks_not_configured`
   */
  async accept(body: Buffer, signature: string | undefined): Promise<boolean> {
    const event = this.verified(body, signature);
    if (event.livemode !== this.livemode) throw new ApexError('livemode_mismatch', 400, `This is an event of Stripe's ${event.livemode ? 'live' : 'test'} mode, and we are in the other.`);
    const now = new Date(this.clock.now());
    await this.mode.claim(this.dataSource.manager);
    const inserted = await this.dataSource.query<unknown[]>(
      `insert into stripe_events (id, type, object_id, created_at, payload, received_at, next_attempt_at) values ($1, $2, $3, $4, $5, $6, $6) on conflict (id) do nothing returning id`,
      [event.id, event.type, event.data.object.id ?? null, new Date(event.created * 1_000), body.toString('utf8'), now],
    );
    return inserted.length > 0;
  }

  /** Handles what waits, oldest first. Any number of processes may do it at once. @returns how many events were handled */
  async drain(): Promise<number> {
    let handled = 0;
    for (;;) {
      const rows = await this.dataSource.query<Array<{ id: string }>>('select id from stripe_events where processed_at is null and next_attempt_at <= $1 order by next_attempt_at, id limit $2', [new Date(this.clock.now()), BATCH]);
      let progress = 0;
      for (const { id } of rows) if (await this.handle(id)) progress += 1;
      handled += progress;
      // What failed waits for its next time; what others hold is theirs.
      if (progress === 0) return handled;
    }
  }

  /** Has events handled once more: one, or all since a time. It changes nothing that was right. @returns how many */
  async replay(which: { readonly id: string } | { readonly since: Date }): Promise<number> {
    const [where, value] = 'id' in which ? ['id = $1', which.id] : ['received_at >= $1', which.since];
    const rows = await this.dataSource.query<[unknown[], number]>(`update stripe_events set processed_at = null, attempts = 0, next_attempt_at = $2 where ${where} returning id`, [value, new Date(this.clock.now())]);
    return rows[1];
  }

  private async handle(id: string): Promise<boolean> {
    let attempts = 0;
    try {
      return await this.dataSource.transaction(async (manager) => {
        const [row] = await manager.query<InboxRow[]>('select id, payload, attempts from stripe_events where id = $1 and processed_at is null for update skip locked', [id]);
        if (row === undefined) return false;
        attempts = row.attempts + 1;
        const target = targetOf(eventSchema.parse(row.payload));
        const outcome = target === null ? 'ignored' : await this.projector.apply(manager, target);
        await manager.query('update stripe_events set processed_at = $2, outcome = $3, attempts = $4, last_error = null where id = $1', [id, new Date(this.clock.now()), outcome, attempts]);
        return true;
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.log.warn(`Stripe's event ${id} could not be handled (attempt ${attempts}): ${message}`);
      const next = new Date(this.clock.now() + Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** Math.min(attempts, 15)));
      await this.dataSource.query('update stripe_events set attempts = $2, next_attempt_at = $3, last_error = $4 where id = $1 and processed_at is null', [id, attempts, next, message.slice(0, 500)]);
      return false;
    }
  }

  private verified(body: Buffer, signature: string | undefined): StripeEvent {
    if (this.secrets.length === 0) throw new ApexError('webhooks_not_configured', 409, 'This Apex has no STRIPE_WEBHOOK_SECRET.');
    const refuse = (): ApexError => new ApexError('bad_signature', 400, 'The signature is missing, wrong, or not of now.');
    if (signature === undefined || !isTimely(signature, this.clock.now())) throw refuse();
    const authentic = this.secrets.some((secret) => {
      try {
        return Stripe.webhooks.signature!.verifyHeader(body, signature, secret, SIGNATURE_TOLERANCE_SECONDS, undefined, this.clock.now());
      } catch {
        return false;
      }
    });
    if (!authentic) throw refuse();
    const result = eventSchema.safeParse(parsed(body));
    if (!result.success) throw new ApexError('malformed_event', 400, 'This is no event of Stripe\'s v1 API.');
    return result.data;
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
