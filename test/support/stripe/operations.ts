import { type Billing, DAY } from './billing.js';
import { missing, refused, StripeFault } from './fault.js';
import { type Form } from './form.js';
import { type Customer, type Invoice, type Metadata, type Price, type Store } from './objects.js';
import { check, PARAMS } from './params.js';
import { list, type Renderer } from './render.js';

type Json = Record<string, unknown>;
type Operation = (form: Form, id: string) => Json;
interface Paged {
  limit?: number | undefined;
  starting_after?: string | undefined;
  ending_before?: string | undefined;
}
type Range = number | { gt?: number | undefined; gte?: number | undefined; lt?: number | undefined; lte?: number | undefined } | undefined;

const within = (at: number, range: Range): boolean =>
  range === undefined || (typeof range === 'number' ? at === range : at > (range.gt ?? -1) && at >= (range.gte ?? 0) && at < (range.lt ?? Infinity) && at <= (range.lte ?? Infinity));

/** Every call that the fake answers: `METHOD /path`, `:id` standing for an object's id. */
export function operations(store: Store, billing: Billing, render: Renderer): ReadonlyMap<string, Operation> {
  const get = <T>(map: ReadonlyMap<string, T>, what: string, id: string, param = 'id'): T => {
    const found = map.get(id);
    if (found === undefined) throw missing(what, id, param);
    return found;
  };
  const customerOf = (id: string, param = 'customer'): Customer => {
    const customer = get(store.customers, 'customer', id, param);
    if (customer.deleted) throw missing('customer', id, param);
    return customer;
  };
  const activePrice = (id: string, param: string): Price => {
    const price = get(store.prices, 'price', id, param);
    if (!price.active) throw refused(`The price specified is inactive. This field only accepts active prices.`, param);
    return price;
  };
  const draftOf = (id: string): Invoice => get(store.invoices, 'invoice', id);
  const pageOf = <T extends { id: string }>(all: Iterable<T>, query: Paged, url: string, show: (one: T) => Json): Json => {
    // Newest first, as everywhere at Stripe.
    const rows = [...all].reverse();
    const from = query.starting_after === undefined ? 0 : rows.findIndex(({ id }) => id === query.starting_after) + 1;
    const limit = query.limit ?? 10;
    return list(rows.slice(from, from + limit).map(show), url, rows.length > from + limit);
  };
  const filtered = function* <T>(map: ReadonlyMap<string, T>, keeps: (one: T) => boolean): Generator<T> {
    for (const one of map.values()) if (keeps(one)) yield one;
  };
  const merged = (old: Metadata, change: Metadata | undefined): Metadata => Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== ''));

  return new Map<string, Operation>([
    ['POST /v1/customers', (form) => {
      const p = check(PARAMS.customerCreate, form);
      const customer: Customer = { id: store.id('cus'), name: p.name ?? null, email: p.email ?? null, description: p.description ?? null, metadata: p.metadata ?? {}, balance: 0, currency: null, deleted: false, created: store.now, card: p.payment_method === undefined ? 'none' : 'pays', unbillable: null };
      store.customers.set(customer.id, customer);
      store.emit('customer.created', render.customer(customer));
      return render.customer(customer);
    }],
    ['GET /v1/customers', (form) => {
      const p = check(PARAMS.customerList, form);
      return pageOf(filtered(store.customers, (one) => !one.deleted && (p.email === undefined || one.email === p.email) && within(one.created, p.created)), p, '/v1/customers', (one) => render.customer(one));
    }],
    ['GET /v1/customers/:id', (form, id) => (check(PARAMS.retrieve, form), render.customer(get(store.customers, 'customer', id)))],
    ['POST /v1/customers/:id', (form, id) => {
      const p = check(PARAMS.customerUpdate, form);
      const customer = customerOf(id, 'id');
      Object.assign(customer, { ...(p.name === undefined ? {} : { name: p.name }), ...(p.email === undefined ? {} : { email: p.email }), ...(p.description === undefined ? {} : { description: p.description }), metadata: merged(customer.metadata, p.metadata) });
      store.emit('customer.updated', render.customer(customer));
      return render.customer(customer);
    }],
    ['DELETE /v1/customers/:id', (form, id) => {
      check(PARAMS.nothing, form);
      const customer = customerOf(id, 'id');
      for (const one of filtered(store.subscriptions, (s) => s.customer === id && s.status !== 'canceled')) billing.cancel(one);
      store.emit('customer.deleted', render.customer(customer));
      customer.deleted = true;
      return { id, object: 'customer', deleted: true };
    }],
    ['POST /v1/products', (form) => {
      const p = check(PARAMS.productCreate, form);
      const id = p.id ?? store.id('prod');
      if (store.products.has(id)) throw refused('Product already exists.', 'id', 'resource_already_exists');
      const product = { id, name: p.name, description: p.description ?? null, metadata: p.metadata ?? {}, active: p.active ?? true, created: store.now };
      store.products.set(id, product);
      return render.product(product);
    }],
    ['GET /v1/products/:id', (form, id) => (check(PARAMS.retrieve, form), render.product(get(store.products, 'product', id)))],
    ['POST /v1/products/:id', (form, id) => {
      const p = check(PARAMS.productUpdate, form);
      const product = get(store.products, 'product', id);
      Object.assign(product, { name: p.name ?? product.name, active: p.active ?? product.active, metadata: merged(product.metadata, p.metadata) });
      return render.product(product);
    }],
    ['POST /v1/prices', (form) => {
      const p = check(PARAMS.priceCreate, form);
      get(store.products, 'product', p.product, 'product');
      const holder = p.lookup_key === undefined ? undefined : [...store.prices.values()].find((one) => one.lookup_key === p.lookup_key);
      if (holder !== undefined && p.transfer_lookup_key !== true) throw refused(`A price (\`${holder.id}\`) already uses that lookup key.`, 'lookup_key', 'resource_already_exists');
      if (holder !== undefined) holder.lookup_key = null;
      const price: Price = { id: store.id('price'), lookup_key: p.lookup_key ?? null, unit_amount: p.unit_amount, currency: p.currency, product: p.product, active: true, interval: p.recurring?.interval ?? 'month', interval_count: p.recurring?.interval_count ?? 1, metadata: p.metadata ?? {}, created: store.now, nickname: p.nickname ?? null };
      store.prices.set(price.id, price);
      return render.price(price);
    }],
    ['GET /v1/prices', (form) => {
      const p = check(PARAMS.priceList, form);
      return pageOf(filtered(store.prices, (one) => (p.lookup_keys === undefined || p.lookup_keys.includes(one.lookup_key ?? '')) && (p.active === undefined || one.active === p.active) && (p.product === undefined || one.product === p.product)), p, '/v1/prices', (one) => render.price(one));
    }],
    ['GET /v1/prices/:id', (form, id) => (check(PARAMS.retrieve, form), render.price(get(store.prices, 'price', id)))],
    ['POST /v1/prices/:id', (form, id) => {
      const p = check(PARAMS.priceUpdate, form);
      const price = get(store.prices, 'price', id);
      Object.assign(price, { active: p.active ?? price.active, metadata: merged(price.metadata, p.metadata) });
      return render.price(price);
    }],
    ['POST /v1/checkout/sessions', (form) => {
      const p = check(PARAMS.checkoutCreate, form);
      customerOf(p.customer);
      const price = activePrice(p.line_items[0]!.price, 'line_items[0][price]');
      if (price.currency !== 'usd') throw refused('This fake account settles in usd.', 'line_items[0][price]');
      const session = { id: `cs_test_${store.id('cs')}`, customer: p.customer, client_reference_id: p.client_reference_id ?? null, status: 'open' as const, price: price.id, subscription: null, metadata: p.metadata ?? {}, subscriptionMetadata: p.subscription_data?.metadata ?? {}, trialDays: p.subscription_data?.trial_period_days ?? 0, collects: p.payment_method_collection !== 'if_required', created: store.now, expires_at: store.now + DAY };
      store.sessions.set(session.id, session);
      return render.session(session);
    }],
    ['GET /v1/checkout/sessions/:id', (form, id) => (check(PARAMS.retrieve, form), render.session(get(store.sessions, 'checkout.session', id)))],
    ['POST /v1/billing_portal/sessions', (form) => {
      const p = check(PARAMS.portalCreate, form);
      customerOf(p.customer);
      const id = store.id('bps');
      return { id, object: 'billing_portal.session', configuration: 'bpc_1', created: store.now, customer: p.customer, flow: null, livemode: store.livemode, locale: null, on_behalf_of: null, return_url: p.return_url ?? null, url: `https://billing.stripe.test/p/session/${id}` };
    }],
    ['POST /v1/subscriptions', (form) => {
      const p = check(PARAMS.subscriptionCreate, form);
      customerOf(p.customer);
      return render.subscription(billing.subscribe(p.customer, activePrice(p.items[0]!.price, 'items[0][price]'), p.metadata ?? {}, p.trial_period_days ?? 0));
    }],
    ['GET /v1/subscriptions', (form) => {
      const p = check(PARAMS.subscriptionList, form);
      const status = p.status ?? 'not canceled';
      return pageOf(filtered(store.subscriptions, (one) => (p.customer === undefined || one.customer === p.customer) && (status === 'all' || (status === 'not canceled' ? one.status !== 'canceled' : one.status === status))), p, '/v1/subscriptions', (one) => render.subscription(one));
    }],
    ['GET /v1/subscriptions/:id', (form, id) => (check(PARAMS.retrieve, form), render.subscription(get(store.subscriptions, 'subscription', id)))],
    ['POST /v1/subscriptions/:id', (form, id) => {
      const p = check(PARAMS.subscriptionUpdate, form);
      const subscription = get(store.subscriptions, 'subscription', id);
      if (subscription.status === 'canceled') throw refused('A canceled subscription can only update its cancellation_details and metadata.');
      subscription.metadata = merged(subscription.metadata, p.metadata);
      if (p.cancel_at_period_end !== undefined) {
        subscription.cancel_at_period_end = p.cancel_at_period_end;
        subscription.canceled_at = p.cancel_at_period_end ? store.now : null;
      }
      const [item] = p.items ?? [];
      if (item === undefined) billing.changed(subscription);
      else {
        if (item.id !== subscription.item) throw missing('subscription_item', item.id, 'items[0][id]');
        const cannotPay = store.customers.get(subscription.customer)!.card !== 'pays';
        if (p.payment_behavior === 'error_if_incomplete' && cannotPay) throw new StripeFault(402, 'card_error', 'Your card was declined.', { code: 'card_declined' });
        billing.changePrice(subscription, activePrice(item.price, 'items[0][price]'), p.proration_behavior ?? 'create_prorations');
      }
      return render.subscription(subscription);
    }],
    ['DELETE /v1/subscriptions/:id', (form, id) => {
      const p = check(PARAMS.subscriptionCancel, form);
      const subscription = get(store.subscriptions, 'subscription', id);
      if (subscription.status === 'canceled') throw missing('subscription', id);
      billing.cancel(subscription);
      const items = billing.pending(subscription.customer);
      if (p.invoice_now === true && items.length > 0) billing.finalize(billing.draft({ customer: subscription.customer, subscription, reason: 'subscription_update', lines: [], items }));
      return render.subscription(subscription);
    }],
    ['POST /v1/invoices', (form) => {
      const p = check(PARAMS.invoiceCreate, form);
      customerOf(p.customer);
      const items = p.pending_invoice_items_behavior === 'include' ? billing.pending(p.customer) : [];
      return render.invoice(billing.draft({ customer: p.customer, subscription: null, reason: 'manual', lines: [], items, metadata: p.metadata ?? {}, description: p.description ?? null, autoAdvance: p.auto_advance ?? false }));
    }],
    ['GET /v1/invoices', (form) => {
      const p = check(PARAMS.invoiceList, form);
      return pageOf(filtered(store.invoices, (one) => (p.customer === undefined || one.customer === p.customer) && (p.subscription === undefined || one.subscription === p.subscription) && (p.status === undefined || one.status === p.status) && within(one.created, p.created)), p, '/v1/invoices', (one) => render.invoice(one));
    }],
    ['GET /v1/invoices/:id/lines', (form, id) => {
      const p = check(PARAMS.lineList, form);
      // In the invoice's own order, unlike everything else.
      return pageOf(render.lines(draftOf(id)).reverse(), p, `/v1/invoices/${id}/lines`, (one) => one);
    }],
    ['GET /v1/invoices/:id', (form, id) => (check(PARAMS.retrieve, form), render.invoice(draftOf(id)))],
    ['POST /v1/invoices/:id/finalize', (form, id) => {
      const p = check(PARAMS.invoiceFinalize, form);
      const invoice = draftOf(id);
      if (invoice.status !== 'draft') throw refused('This invoice is already finalized, you can\'t re-finalize a non-draft invoice.', undefined, 'invoice_not_editable');
      if (p.auto_advance !== undefined) invoice.auto_advance = p.auto_advance;
      billing.finalize(invoice);
      return render.invoice(invoice);
    }],
    ['POST /v1/invoices/:id/pay', (form, id) => {
      check(PARAMS.invoicePay, form);
      const invoice = draftOf(id);
      if (invoice.status === 'draft') billing.finalize(invoice);
      if (invoice.status === 'paid') throw refused('Invoice is already paid', undefined, 'invoice_already_paid');
      if (!billing.attempt(invoice)) throw new StripeFault(402, 'card_error', 'Your card was declined.', { code: 'card_declined' });
      return render.invoice(invoice);
    }],
    ['POST /v1/invoices/:id/void', (form, id) => (check(PARAMS.nothing, form), billing.void(draftOf(id)), render.invoice(draftOf(id)))],
    ['POST /v1/invoices/:id/mark_uncollectible', (form, id) => (check(PARAMS.nothing, form), billing.markUncollectible(draftOf(id)), render.invoice(draftOf(id)))],
    ['POST /v1/invoiceitems', (form) => {
      const p = check(PARAMS.itemCreate, form);
      const customer = customerOf(p.customer);
      if (customer.currency !== null && customer.currency !== p.currency) throw refused(`You cannot combine currencies on a single customer. This customer has had a subscription, coupon, or invoice item with currency ${customer.currency}`, 'currency');
      if (p.period !== undefined && p.period.end < p.period.start) throw refused('The period end must not be before its start.', 'period[end]');
      const item = billing.addItem({ customer: p.customer, amount: p.amount, currency: p.currency, description: p.description ?? null, metadata: p.metadata ?? {}, start: p.period?.start ?? store.now, end: p.period?.end ?? store.now, invoice: null, proration: false, subscription: null });
      return render.item(item);
    }],
    ['GET /v1/invoiceitems', (form) => {
      const p = check(PARAMS.itemList, form);
      return pageOf(filtered(store.items, (one) => (p.customer === undefined || one.customer === p.customer) && (p.pending === undefined || (one.invoice === null) === p.pending) && (p.invoice === undefined || one.invoice === p.invoice) && within(one.date, p.created)), p, '/v1/invoiceitems', (one) => render.item(one));
    }],
    ['GET /v1/invoiceitems/:id', (form, id) => (check(PARAMS.retrieve, form), render.item(get(store.items, 'invoiceitem', id)))],
    ['DELETE /v1/invoiceitems/:id', (form, id) => {
      check(PARAMS.nothing, form);
      if (get(store.items, 'invoiceitem', id).invoice !== null) throw refused('You can only delete invoice items that are not attached to an invoice.');
      store.items.delete(id);
      return { id, object: 'invoiceitem', deleted: true };
    }],
    ['POST /v1/credit_notes', (form) => {
      const p = check(PARAMS.creditNoteCreate, form);
      const invoice = get(store.invoices, 'invoice', p.invoice, 'invoice');
      const amount = p.amount ?? 0;
      if (amount <= 0) throw refused('A credit note needs an amount.', 'amount');
      const note = { id: store.id('cn'), invoice: invoice.id, customer: invoice.customer, amount, pre: 0, post: 0, refund: null as string | null, refundAmount: p.refund_amount ?? 0, creditAmount: p.credit_amount ?? 0, outOfBand: p.out_of_band_amount ?? 0, memo: p.memo ?? null, status: 'issued' as const, metadata: p.metadata ?? {}, created: store.now };
      if (invoice.status === 'open') {
        const due = (render.invoice(invoice)['amount_remaining'] as number) ?? 0;
        if (amount > due) throw refused('The credit note\'s total exceeds what is due on the invoice.', 'amount');
        note.pre = amount;
        invoice.pre_payment_credit += amount;
      } else if (invoice.status === 'paid') {
        if (note.refundAmount + note.creditAmount + note.outOfBand !== amount) throw refused('The sum of credit amount, refund amount and out of band amount must equal the post payment amount.');
        note.post = amount;
        invoice.post_payment_credit += amount;
        if (note.refundAmount > 0) note.refund = refund(invoice.charge ?? '', note.refundAmount, {}, null);
        store.customers.get(invoice.customer)!.balance -= note.creditAmount;
      } else throw refused('You can only create a credit note for an open or paid invoice.', 'invoice');
      store.creditNotes.set(note.id, note);
      store.emit('credit_note.created', render.creditNote(note));
      if (note.pre > 0 && render.invoice(invoice)['amount_remaining'] === 0) billing.settle(invoice);
      return render.creditNote(note);
    }],
    ['GET /v1/credit_notes', (form) => {
      const p = check(PARAMS.creditNoteList, form);
      return pageOf(filtered(store.creditNotes, (one) => (p.invoice === undefined || one.invoice === p.invoice) && (p.customer === undefined || one.customer === p.customer)), p, '/v1/credit_notes', (one) => render.creditNote(one));
    }],
    ['GET /v1/credit_notes/:id', (form, id) => (check(PARAMS.retrieve, form), render.creditNote(get(store.creditNotes, 'credit_note', id)))],
    ['POST /v1/credit_notes/:id/void', (form, id) => {
      check(PARAMS.nothing, form);
      const note = get(store.creditNotes, 'credit_note', id);
      const invoice = store.invoices.get(note.invoice)!;
      if (note.status === 'void' || note.post > 0 || invoice.status !== 'open') throw refused('This credit note cannot be voided.');
      note.status = 'void';
      invoice.pre_payment_credit -= note.pre;
      store.emit('credit_note.voided', render.creditNote(note));
      return render.creditNote(note);
    }],
    ['POST /v1/refunds', (form) => {
      const p = check(PARAMS.refundCreate, form);
      const charge = p.charge ?? [...store.charges.values()].find((one) => one.payment_intent === p.payment_intent)?.id ?? '';
      return render.refund(store.refunds.get(refund(charge, p.amount, p.metadata ?? {}, p.reason ?? null))!);
    }],
    ['GET /v1/refunds', (form) => {
      const p = check(PARAMS.refundList, form);
      return pageOf(filtered(store.refunds, (one) => p.charge === undefined || one.charge === p.charge), p, '/v1/refunds', (one) => render.refund(one));
    }],
    ['GET /v1/refunds/:id', (form, id) => (check(PARAMS.retrieve, form), render.refund(get(store.refunds, 'refund', id)))],
    ['GET /v1/charges/:id', (form, id) => (check(PARAMS.retrieve, form), render.charge(get(store.charges, 'charge', id)))],
    ['GET /v1/disputes/:id', (form, id) => (check(PARAMS.retrieve, form), render.dispute(get(store.disputes, 'dispute', id)))],
    ['GET /v1/events', (form) => {
      const p = check(PARAMS.eventList, form);
      return pageOf(store.events.filter((one) => (p.type === undefined || one.type === p.type) && (p.types === undefined || p.types.includes(one.type)) && within(one.created, p.created)), p, '/v1/events', (one) => ({ ...one }));
    }],
    ['GET /v1/events/:id', (form, id) => {
      check(PARAMS.retrieve, form);
      const event = store.events.find((one) => one.id === id);
      if (event === undefined) throw missing('event', id);
      return { ...event };
    }],
  ]);

  function refund(chargeId: string, wanted: number | undefined, metadata: Metadata, reason: string | null): string {
    const charge = get(store.charges, 'charge', chargeId, 'charge');
    const left = charge.amount - charge.amount_refunded;
    const amount = wanted ?? left;
    if (left === 0) throw refused(`Charge ${charge.id} has already been refunded.`, 'charge', 'charge_already_refunded');
    if (amount > left) throw refused('Refund amount is greater than unrefunded amount on charge.', 'amount');
    charge.amount_refunded += amount;
    const made = { id: store.id('re'), charge: charge.id, amount, status: 'succeeded', reason, metadata, created: store.now };
    store.refunds.set(made.id, made);
    store.emit('refund.created', render.refund(made));
    store.emit('charge.refunded', render.charge(charge));
    return made.id;
  }
}
