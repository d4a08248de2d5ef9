import { isDeepStrictEqual } from 'node:util';
import { type Logger } from '@nestjs/common';
import { ApexError, type Clock } from '@apex/common';
import Stripe from 'stripe';
import { type DataSource, type EntityManager } from 'typeorm';
import { eventSchema, type EventTarget, isTimely, SIGNATURE_TOLERANCE_SECONDS, type StripeEvent, targetOf } from '../core/stripe/events.js';
import { type ModeGuard } from './mode-guard.js';
import { type HandlingResult, type StripeCounts, type WebhookResult } from './stripe-counts.js';
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
    private readonly counts: StripeCounts,
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
    if (event.livemode !== this.livemode) throw this.refusal('livemode_mismatch', `This is an event of Stripe's ${event.livemode ? 'live' : 'test'} mode, and we are in the other.`);
    const now = new Date(this.clock.now());
    await this.mode.claim(this.dataSource.manager);
    const inserted = await this.dataSource.query<unknown[]>(
      `insert into stripe_events (id, type, object_id, created_at, payload, received_at, next_attempt_at) values ($1, $2, $3, $4, $5, $6, $6) on conflict (id) do nothing returning id`,
      [event.id, event.type, event.data.object.id ?? null, new Date(event.created * 1_000), body.toString('utf8'), now],
    );
    this.counts.webhook(inserted.length > 0 ? 'stored' : 'duplicate');
    return inserted.length > 0;
  }

  /** Handles what waits, oldest first. Any number of processes may do it at once. @returns how many events were handled */
  async drain(): Promise<number> {
    let handled = 0;
    for (;;) {
      const rows = await this.dataSource.query<Array<{ id: string }>>('select id from stripe_events where processed_at is null and next_attempt_at <= $1 order by next_attempt_at, id limit $2', [new Date(this.clock.now()), BATCH]);
      const done = new Set<string>();
      for (const { id } of rows) if (!done.has(id)) for (const one of await this.handle(id)) done.add(one);
      handled += done.size;
      // What failed waits for its next time; what others hold is theirs.
      if (done.size === 0) return handled;
    }
  }

  /** Has events handled once more: one, or all since a time. It changes nothing that was right. @returns how many */
  async replay(which: { readonly id: string } | { readonly since: Date }): Promise<number> {
    const [where, value] = 'id' in which ? ['id = $1', which.id] : ['received_at >= $1', which.since];
    const rows = await this.dataSource.query<[unknown[], number]>(`update stripe_events set processed_at = null, attempts = 0, next_attempt_at = $2 where ${where} returning id`, [value, new Date(this.clock.now())]);
    return rows[1];
  }

  /**
   * Handles an event, and with it all that wait about the same object: they were there before Stripe is asked for it, so one
   * answer is as new as any of them.
   * @returns the events that were handled
   */
  private async handle(id: string): Promise<readonly string[]> {
    let attempts = 0;
    try {
      const { events, outcome } = await this.dataSource.transaction(async (manager) => {
        const [row] = await manager.query<InboxRow[]>('select id, payload, attempts from stripe_events where id = $1 and processed_at is null for update skip locked', [id]);
        if (row === undefined) return { events: [], outcome: null as HandlingResult | null };
        attempts = row.attempts + 1;
        const target = targetOf(eventSchema.parse(row.payload));
        const alike = target === null ? [id] : [id, ...(await this.alike(manager, id, target))];
        const became: HandlingResult = target === null ? 'ignored' : await this.projector.apply(manager, target);
        await manager.query('update stripe_events set processed_at = $2, outcome = $3, attempts = attempts + 1, last_error = null where id = any($1)', [alike, new Date(this.clock.now()), became]);
        return { events: alike, outcome: became };
      });
      if (outcome !== null) this.counts.event(outcome, events.length);
      return events;
    } catch (error) {
      this.counts.event('failed');
      const message = error instanceof Error ? error.message : String(error);
      this.log.warn(`Stripe's event ${id} could not be handled (attempt ${attempts}): ${message}`);
      const next = new Date(this.clock.now() + Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** Math.min(attempts, 15)));
      await this.dataSource.query('update stripe_events set attempts = $2, next_attempt_at = $3, last_error = $4 where id = $1 and processed_at is null', [id, attempts, next, message.slice(0, 500)]);
      return [];
    }
  }

  /** Other events that wait and say the same: this object, of this customer. Locked; those that another process holds are its own. */
  private async alike(manager: EntityManager, id: string, target: EventTarget): Promise<string[]> {
    const rows = await manager.query<Array<{ id: string; payload: unknown }>>('select id, payload from stripe_events where object_id = $1 and id <> $2 and processed_at is null for update skip locked', [target.id, id]);
    return rows.filter(({ payload }) => isDeepStrictEqual(targetOf(eventSchema.parse(payload)), target)).map((row) => row.id);
  }

  private verified(body: Buffer, signature: string | undefined): StripeEvent {
    if (this.secrets.length === 0) throw new ApexError('webhooks_not_configured', 409, 'This Apex has no STRIPE_WEBHOOK_SECRET.');
    const refuse = (): ApexError => this.refusal('bad_signature', 'The signature is missing, wrong, or not of now.');
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
    if (!result.success) throw this.refusal('malformed_event', 'This is no event of Stripe\'s v1 API.');
    return result.data;
  }

  private refusal(code: Exclude<WebhookResult, 'stored' | 'duplicate'>, message: string): ApexError {
    this.counts.webhook(code);
    return new ApexError(code, 400, message);
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
