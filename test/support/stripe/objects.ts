/** What the fake keeps. Only the members that Stripe's API of the version under test has; seconds since the epoch, cents. */
export type Metadata = Record<string, string>;
export interface Price { id: string; lookup_key: string | null; unit_amount: number; currency: string; product: string; active: boolean; interval: 'day' | 'week' | 'month' | 'year'; interval_count: number; metadata: Metadata; created: number; nickname: string | null }
export interface Customer { id: string; name: string | null; email: string | null; description: string | null; metadata: Metadata; balance: number; currency: string | null; deleted: boolean; created: number; /** What their bank says to a charge. */ card: 'none' | 'pays' | 'declines' | 'asks'; /** Why none of their invoices can be finalised. */ unbillable: string | null }
export interface Product { id: string; name: string; description: string | null; metadata: Metadata; active: boolean; created: number }
export interface Session { id: string; customer: string; client_reference_id: string | null; status: 'open' | 'complete' | 'expired'; price: string; subscription: string | null; metadata: Metadata; subscriptionMetadata: Metadata; trialDays: number; collects: boolean; created: number; expires_at: number }
export interface Subscription { id: string; item: string; customer: string; price: string; status: 'trialing' | 'active' | 'past_due' | 'canceled' | 'incomplete' | 'unpaid' | 'paused'; start: number; end: number; cancel_at_period_end: boolean; canceled_at: number | null; ended_at: number | null; trial_start: number | null; trial_end: number | null; metadata: Metadata; latest_invoice: string | null; created: number; anchor: number; /** When `trial_will_end` is told; null afterwards. */ warnsAt: number | null }
export interface Item { id: string; customer: string; amount: number; currency: string; description: string | null; metadata: Metadata; start: number; end: number; invoice: string | null; proration: boolean; subscription: string | null; date: number }
export interface Line { id: string; amount: number; description: string | null; item: string | null; subscription: string | null; price: string | null; metadata: Metadata; start: number; end: number; proration: boolean }
export interface Invoice {
  id: string; customer: string; subscription: string | null; billing_reason: string; status: 'draft' | 'open' | 'paid' | 'void' | 'uncollectible'; number: string | null; currency: string; lines: Line[];
  auto_advance: boolean; finalizesAt: number | null; attempt_count: number; next_payment_attempt: number | null; amount_paid: number; starting_balance: number; ending_balance: number | null; applied: number; pre_payment_credit: number; post_payment_credit: number;
  metadata: Metadata; description: string | null; created: number; finalized_at: number | null; paid_at: number | null; voided_at: number | null; uncollectible_at: number | null; charge: string | null; period_start: number; period_end: number; /** Why it could not be finalised. */ problem: string | null;
}
export interface Charge { id: string; payment_intent: string; customer: string; amount: number; amount_refunded: number; invoice: string; disputed: boolean; created: number }
export interface Refund { id: string; charge: string; amount: number; status: string; reason: string | null; metadata: Metadata; created: number }
export interface CreditNote { id: string; invoice: string; customer: string; amount: number; pre: number; post: number; refund: string | null; refundAmount: number; creditAmount: number; outOfBand: number; memo: string | null; status: 'issued' | 'void'; metadata: Metadata; created: number }
export interface Dispute { id: string; charge: string; amount: number; status: 'needs_response' | 'under_review' | 'won' | 'lost' | 'warning_needs_response'; reason: string; created: number }
export interface StripeEvent { id: string; object: 'event'; api_version: string; created: number; livemode: boolean; pending_webhooks: number; request: null; type: string; data: { object: Record<string, unknown> } }

export const API_VERSION = '2026-10-28.endive';

/** All there is in one fake account. */
export class Store {
  readonly customers = new Map<string, Customer>();
  readonly products = new Map<string, Product>();
  readonly prices = new Map<string, Price>();
  readonly sessions = new Map<string, Session>();
  readonly subscriptions = new Map<string, Subscription>();
  readonly items = new Map<string, Item>();
  readonly invoices = new Map<string, Invoice>();
  readonly charges = new Map<string, Charge>();
  readonly refunds = new Map<string, Refund>();
  readonly creditNotes = new Map<string, CreditNote>();
  readonly disputes = new Map<string, Dispute>();
  readonly events: StripeEvent[] = [];
  private readonly counters = new Map<string, number>();

  constructor(readonly livemode: boolean, public now: number) {}

  /** `cus_00000001` and so on: the same in every run. */
  id(prefix: string): string {
    const n = (this.counters.get(prefix) ?? 0) + 1;
    this.counters.set(prefix, n);
    return `${prefix}_${n.toString(36).padStart(14, '0')}`;
  }

  emit(type: string, object: Record<string, unknown>): void {
    // As it is now: what the object becomes later is another event's.
    this.events.push({ id: this.id('evt'), object: 'event', api_version: API_VERSION, created: this.now, livemode: this.livemode, pending_webhooks: 1, request: null, type, data: { object: structuredClone(object) } });
  }
}
