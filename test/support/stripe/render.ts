import { type Charge, type CreditNote, type Customer, type Dispute, type Invoice, type Item, type Price, type Product, type Refund, type Session, type Store, type Subscription } from './objects.js';

type Json = Record<string, unknown>;

/** An invoice holds this many of its lines; the others are asked for. */
const LINES_SHOWN = 10;

/** Objects as Stripe's JSON has them. */
export class Renderer {
  constructor(private readonly store: Store, private readonly baseUrl: () => string) {}

  customer(c: Customer): Json {
    if (c.deleted) return { id: c.id, object: 'customer', deleted: true };
    return { id: c.id, object: 'customer', address: null, balance: c.balance, created: c.created, currency: c.currency, default_source: null, delinquent: false, description: c.description, email: c.email, invoice_settings: { default_payment_method: c.card === 'none' ? null : `pm_${c.id}` }, livemode: this.store.livemode, metadata: c.metadata, name: c.name, phone: null, shipping: null, test_clock: null };
  }

  product(p: Product): Json {
    return { id: p.id, object: 'product', active: p.active, created: p.created, default_price: null, description: p.description, images: [], livemode: this.store.livemode, metadata: p.metadata, name: p.name, type: 'service', updated: p.created };
  }

  price(p: Price): Json {
    return { id: p.id, object: 'price', active: p.active, billing_scheme: 'per_unit', created: p.created, currency: p.currency, livemode: this.store.livemode, lookup_key: p.lookup_key, metadata: p.metadata, nickname: p.nickname, product: p.product, recurring: { interval: p.interval, interval_count: p.interval_count, meter: null, trial_period_days: null, usage_type: 'licensed' }, tiers_mode: null, type: 'recurring', unit_amount: p.unit_amount, unit_amount_decimal: String(p.unit_amount) };
  }

  session(s: Session): Json {
    const free = this.store.prices.get(s.price)!.unit_amount === 0 || s.trialDays > 0;
    return { id: s.id, object: 'checkout.session', cancel_url: null, client_reference_id: s.client_reference_id, created: s.created, currency: 'usd', customer: s.customer, expires_at: s.expires_at, livemode: this.store.livemode, metadata: s.metadata, mode: 'subscription', payment_status: s.status !== 'complete' ? 'unpaid' : free ? 'no_payment_required' : 'paid', status: s.status, subscription: s.subscription, ui_mode: 'hosted_page', url: s.status === 'open' ? `${this.baseUrl()}/pay/${s.id}` : null };
  }

  subscription(s: Subscription): Json {
    const price = this.store.prices.get(s.price)!;
    const item = { id: s.item, object: 'subscription_item', created: s.created, current_period_end: s.end, current_period_start: s.start, discounts: [], metadata: {}, price: this.price(price), quantity: 1, subscription: s.id, tax_rates: [] };
    return {
      id: s.id, object: 'subscription', billing_cycle_anchor: s.anchor, cancel_at: s.cancel_at_period_end ? s.end : null, cancel_at_period_end: s.cancel_at_period_end, canceled_at: s.canceled_at, cancellation_details: null, collection_method: 'charge_automatically', created: s.created, currency: price.currency, customer: s.customer,
      default_payment_method: null, description: null, discounts: [], ended_at: s.ended_at, items: list([item], `/v1/subscription_items?subscription=${s.id}`), latest_invoice: s.latest_invoice, livemode: this.store.livemode, metadata: s.metadata, pause_collection: null, schedule: null, start_date: s.created, status: s.status, test_clock: null, trial_end: s.trial_end, trial_start: s.trial_start,
    };
  }

  item(i: Item): Json {
    return { id: i.id, object: 'invoiceitem', amount: i.amount, currency: i.currency, customer: i.customer, date: i.date, description: i.description, discountable: false, discounts: [], invoice: i.invoice, livemode: this.store.livemode, metadata: i.metadata, parent: null, period: { start: i.start, end: i.end }, pricing: null, proration: i.proration, quantity: 1, tax_rates: [], test_clock: null };
  }

  invoice(i: Invoice): Json {
    const subtotal = i.lines.reduce((sum, line) => sum + line.amount, 0);
    const due = Math.max(0, i.status === 'draft' ? subtotal : subtotal - i.applied) - i.pre_payment_credit;
    const lines = this.lines(i);
    return {
      id: i.id, object: 'invoice', amount_due: due, amount_overpaid: 0, amount_paid: i.amount_paid, amount_remaining: i.status === 'paid' || i.status === 'void' ? 0 : due - i.amount_paid, amount_shipping: 0, attempt_count: i.attempt_count, attempted: i.attempt_count > 0, auto_advance: i.auto_advance, automatically_finalizes_at: i.finalizesAt, billing_reason: i.billing_reason, collection_method: 'charge_automatically',
      created: i.created, currency: i.currency, customer: i.customer, description: i.description, discounts: [], due_date: null, ending_balance: i.ending_balance, hosted_invoice_url: i.status === 'draft' ? null : `${this.baseUrl()}/i/${i.id}`, invoice_pdf: i.status === 'draft' ? null : `${this.baseUrl()}/i/${i.id}/pdf`, last_finalization_error: i.problem === null ? null : { type: 'invalid_request_error', code: 'customer_tax_location_invalid', message: i.problem }, lines: list(lines.slice(0, LINES_SHOWN), `/v1/invoices/${i.id}/lines`, lines.length > LINES_SHOWN),
      livemode: this.store.livemode, metadata: i.metadata, next_payment_attempt: i.next_payment_attempt, number: i.number, parent: i.subscription === null ? null : { type: 'subscription_details', quote_details: null, subscription_details: { metadata: {}, subscription: i.subscription } }, period_end: i.period_end, period_start: i.period_start,
      post_payment_credit_notes_amount: i.post_payment_credit, pre_payment_credit_notes_amount: i.pre_payment_credit, starting_balance: i.starting_balance, status: i.status, status_transitions: { finalized_at: i.finalized_at, marked_uncollectible_at: i.uncollectible_at, paid_at: i.paid_at, voided_at: i.voided_at }, subtotal, test_clock: null, total: subtotal, total_taxes: [],
    };
  }

  lines(i: Invoice): (Json & { id: string })[] {
    return i.lines.map((line) => ({
      id: line.id, object: 'line_item', amount: line.amount, currency: i.currency, description: line.description, discountable: false, invoice: i.id, livemode: this.store.livemode, metadata: line.metadata, period: { start: line.start, end: line.end }, quantity: 1, subtotal: line.amount,
      parent: line.item === null ? { type: 'subscription_item_details', subscription_item_details: { subscription: line.subscription, proration: line.proration }, invoice_item_details: null } : { type: 'invoice_item_details', invoice_item_details: { invoice_item: line.item, proration: line.proration, subscription: line.subscription }, subscription_item_details: null },
      pricing: line.price === null ? null : { type: 'price_details', price_details: { price: line.price, product: this.store.prices.get(line.price)!.product } },
    }));
  }

  charge(c: Charge): Json {
    return { id: c.id, object: 'charge', amount: c.amount, amount_refunded: c.amount_refunded, captured: true, created: c.created, currency: 'usd', customer: c.customer, disputed: c.disputed, livemode: this.store.livemode, metadata: {}, paid: true, payment_intent: c.payment_intent, refunded: c.amount_refunded === c.amount, status: 'succeeded' };
  }

  refund(r: Refund): Json {
    const charge = this.store.charges.get(r.charge)!;
    return { id: r.id, object: 'refund', amount: r.amount, balance_transaction: null, charge: r.charge, created: r.created, currency: 'usd', customer: charge.customer, metadata: r.metadata, payment_intent: charge.payment_intent, reason: r.reason, receipt_number: null, status: r.status };
  }

  creditNote(n: CreditNote): Json {
    return { id: n.id, object: 'credit_note', amount: n.amount, created: n.created, currency: 'usd', customer: n.customer, customer_balance_transaction: n.creditAmount > 0 ? `cbtxn_${n.id}` : null, discount_amount: 0, invoice: n.invoice, lines: list([], `/v1/credit_notes/${n.id}/lines`), livemode: this.store.livemode, memo: n.memo, metadata: n.metadata, number: `${n.invoice}-CN`, out_of_band_amount: n.outOfBand || null, pdf: `${this.baseUrl()}/cn/${n.id}`, post_payment_amount: n.post, pre_payment_amount: n.pre, reason: null, refunds: n.refund === null ? [] : [{ amount_refunded: n.refundAmount, refund: n.refund, type: 'refund' }], status: n.status, subtotal: n.amount, total: n.amount, type: n.post > 0 ? 'post_payment' : 'pre_payment', voided_at: n.status === 'void' ? n.created : null };
  }

  dispute(d: Dispute): Json {
    const charge = this.store.charges.get(d.charge)!;
    return { id: d.id, object: 'dispute', amount: d.amount, balance_transactions: [], charge: d.charge, created: d.created, currency: 'usd', evidence: {}, evidence_details: {}, is_charge_refundable: false, livemode: this.store.livemode, metadata: {}, payment_intent: charge.payment_intent, reason: d.reason, status: d.status };
  }
}

export const list = (data: readonly unknown[], url: string, hasMore = false): Json => ({ object: 'list', data, has_more: hasMore, url });
