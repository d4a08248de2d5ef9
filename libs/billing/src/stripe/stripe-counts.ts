import { type FailureKind } from '../core/stripe/sending.js';
import { type Outcome } from './stripe-projector.js';

export type SendingResult = 'sent' | 'found' | FailureKind;
export type WebhookResult = 'stored' | 'duplicate' | 'bad_signature' | 'livemode_mismatch' | 'malformed_event';
export type HandlingResult = Outcome | 'ignored' | 'failed';

/** What this process has sent to Stripe and heard from it, since its start. */
export class StripeCounts {
  readonly sendings = new Map<SendingResult, number>();
  readonly webhooks = new Map<WebhookResult, number>();
  readonly events = new Map<HandlingResult, number>();

  /** One try to get a charge or an invoice to Stripe. `found`: an earlier one had arrived. */
  sending(result: SendingResult): void {
    add(this.sendings, result);
  }

  /** One call of the webhook. */
  webhook(result: WebhookResult): void {
    add(this.webhooks, result);
  }

  /** One try to handle an event, or several at once. */
  event(result: HandlingResult, events = 1): void {
    add(this.events, result, events);
  }
}

function add<K>(counts: Map<K, number>, key: K, more = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
