import { z } from 'zod';
import { refused } from './fault.js';
import { type Form } from './form.js';

/** Stripe sends every value as text; what it takes is checked as strictly as Stripe checks it: nothing unknown, nothing of another type. */
const int = z.string().regex(/^-?\d+$/, 'Invalid integer').transform(Number);
const natural = z.string().regex(/^\d+$/, 'Invalid non-negative integer').transform(Number);
const bool = z.enum(['true', 'false']).transform((text) => text === 'true');
const text = z.string().min(1, 'You passed an empty string').max(5_000);
const emptyable = z.string().max(5_000);
const currency = z.string().regex(/^[a-z]{3}$/, 'Invalid currency');
/** At most 50 keys of at most 40 characters, values of at most 500. */
const metadata = z
  .record(z.string().max(40).regex(/^[^[\]]+$/), z.string().max(500))
  .refine((value) => Object.keys(value).length <= 50, 'Metadata is limited to 50 keys');
const expand = z.array(text).optional();
const range = z.union([natural, z.strictObject({ gt: natural.optional(), gte: natural.optional(), lt: natural.optional(), lte: natural.optional() })]);
const page = { limit: natural.pipe(z.int().min(1).max(100)).optional(), starting_after: text.optional(), ending_before: text.optional(), expand };
const item = z.strictObject({ price: text, quantity: natural.optional() });

export const PARAMS = {
  retrieve: z.strictObject({ expand }),
  nothing: z.strictObject({}),
  customerCreate: z.strictObject({ name: text.max(256).optional(), email: text.max(512).optional(), description: text.optional(), metadata: metadata.optional(), payment_method: text.optional(), invoice_settings: z.strictObject({ default_payment_method: text.optional() }).optional(), test_clock: text.optional() }),
  customerUpdate: z.strictObject({ name: emptyable.optional(), email: emptyable.optional(), description: emptyable.optional(), metadata: metadata.optional() }),
  customerList: z.strictObject({ ...page, email: text.optional(), created: range.optional() }),
  productCreate: z.strictObject({ id: text.optional(), name: text, description: text.optional(), metadata: metadata.optional(), active: bool.optional() }),
  productUpdate: z.strictObject({ name: text.optional(), active: bool.optional(), metadata: metadata.optional() }),
  priceCreate: z.strictObject({ currency, unit_amount: natural, product: text, lookup_key: text.max(200).optional(), transfer_lookup_key: bool.optional(), nickname: text.optional(), metadata: metadata.optional(), recurring: z.strictObject({ interval: z.enum(['day', 'week', 'month', 'year']), interval_count: natural.optional() }).optional() }),
  priceUpdate: z.strictObject({ active: bool.optional(), metadata: metadata.optional(), lookup_key: emptyable.optional() }),
  priceList: z.strictObject({ ...page, lookup_keys: z.array(text).max(10).optional(), active: bool.optional(), product: text.optional() }),
  checkoutCreate: z.strictObject({
    mode: z.literal('subscription'),
    customer: text,
    client_reference_id: text.max(200).optional(),
    line_items: z.array(item).min(1),
    success_url: z.url(),
    cancel_url: z.url().optional(),
    subscription_data: z.strictObject({ metadata: metadata.optional(), trial_period_days: natural.pipe(z.int().min(1)).optional() }).optional(),
    payment_method_collection: z.enum(['always', 'if_required']).optional(),
    metadata: metadata.optional(),
  }),
  portalCreate: z.strictObject({ customer: text, return_url: z.url().optional() }),
  subscriptionCreate: z.strictObject({ customer: text, items: z.array(item).min(1), metadata: metadata.optional(), trial_period_days: natural.optional(), payment_behavior: z.enum(['allow_incomplete', 'default_incomplete', 'error_if_incomplete']).optional() }),
  subscriptionUpdate: z.strictObject({
    items: z.array(z.strictObject({ id: text, price: text, quantity: natural.optional() })).min(1).optional(),
    proration_behavior: z.enum(['create_prorations', 'none', 'always_invoice']).optional(),
    payment_behavior: z.enum(['allow_incomplete', 'default_incomplete', 'error_if_incomplete', 'pending_if_incomplete']).optional(),
    cancel_at_period_end: bool.optional(),
    metadata: metadata.optional(),
  }),
  subscriptionCancel: z.strictObject({ invoice_now: bool.optional(), prorate: bool.optional() }),
  subscriptionList: z.strictObject({ ...page, customer: text.optional(), status: z.enum(['active', 'all', 'canceled', 'ended', 'incomplete', 'incomplete_expired', 'past_due', 'paused', 'trialing', 'unpaid']).optional() }),
  invoiceCreate: z.strictObject({ customer: text, auto_advance: bool.optional(), collection_method: z.literal('charge_automatically').optional(), description: text.optional(), metadata: metadata.optional(), pending_invoice_items_behavior: z.enum(['include', 'exclude']).optional(), currency: currency.optional() }),
  invoiceList: z.strictObject({ ...page, customer: text.optional(), subscription: text.optional(), status: z.enum(['draft', 'open', 'paid', 'uncollectible', 'void']).optional(), created: range.optional() }),
  lineList: z.strictObject({ ...page }),
  invoicePay: z.strictObject({ off_session: bool.optional() }),
  invoiceFinalize: z.strictObject({ auto_advance: bool.optional() }),
  itemCreate: z.strictObject({ customer: text, amount: int, currency, description: text.optional(), metadata: metadata.optional(), period: z.strictObject({ start: natural, end: natural }).optional(), invoice: text.optional() }),
  itemList: z.strictObject({ ...page, customer: text.optional(), pending: bool.optional(), invoice: text.optional(), created: range.optional() }),
  creditNoteCreate: z.strictObject({ invoice: text, amount: natural.optional(), memo: text.optional(), reason: z.enum(['duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory']).optional(), refund_amount: natural.optional(), credit_amount: natural.optional(), out_of_band_amount: natural.optional(), metadata: metadata.optional() }),
  creditNoteList: z.strictObject({ ...page, invoice: text.optional(), customer: text.optional() }),
  refundCreate: z.strictObject({ charge: text.optional(), payment_intent: text.optional(), amount: natural.optional(), reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional(), metadata: metadata.optional() }),
  refundList: z.strictObject({ ...page, charge: text.optional() }),
  eventList: z.strictObject({ ...page, type: text.optional(), types: z.array(text).max(20).optional(), created: range.optional() }),
};

/** @throws StripeFault as Stripe words it: `parameter_unknown`, `parameter_missing` or an invalid value, with the parameter's name. */
export function check<S extends z.ZodType>(schema: S, form: Form): z.output<S> {
  const result = schema.safeParse(form, { reportInput: true });
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const name = (path: readonly PropertyKey[]): string => path.map((part, level) => (level === 0 ? String(part) : `[${String(part)}]`)).join('');
  if (issue.code === 'unrecognized_keys') {
    const param = name([...issue.path, issue.keys[0]!]);
    throw refused(`Received unknown parameter: ${param}`, param, 'parameter_unknown');
  }
  const param = name(issue.path);
  if (issue.input === undefined) throw refused(`Missing required param: ${param}.`, param, 'parameter_missing');
  throw refused(`${issue.message}: ${param}`, param);
}
