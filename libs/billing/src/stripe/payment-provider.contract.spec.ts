import { newId } from '@apex/common';
import { HOUR, StripeFake } from '../../../../test/support/stripe/stripe-fake.js';
import { candidates, MONTH, type ProviderUnderTest } from '../../test/payment-providers.js';
import { lookupKeyOf } from '../core/stripe/prices.js';
import { type InvoiceItemSnapshot } from '../core/stripe/snapshots.js';
import { PaymentError } from './payment-error.js';
import { type PaymentProvider } from './payment-provider.js';

const { present, absent } = candidates(process.env);
for (const note of absent) process.stdout.write(`${note}\n`);

// Whoever answers is asked over HTTP by Stripe's SDK.
describe.each(present)('the payment provider, asked of $name', ({ stateful, open }) => {
  let stage: ProviderUnderTest;
  let provider: PaymentProvider;
  beforeAll(async () => {
    stage = await open();
    ({ provider } = stage);
  });
  afterAll(() => stage.close());

  const item = (customer: string, amountCents: bigint, outboxId = newId()) => ({ outboxId, customer, amountCents, currency: 'usd', description: 'Share of proven savings', periodStart: new Date(Date.UTC(2025, 11, 1)), periodEnd: new Date(Date.UTC(2026, 0, 1)), statementId: newId(), statementHash: 'ab'.repeat(32) });
  const priceOf = async (tier: string, amountCents: number) => {
    const lookupKey = lookupKeyOf(tier, amountCents);
    return (await provider.findPrice(lookupKey)) ?? (await provider.createPrice({ tier, lookupKey, amountCents }));
  };

  it('takes every call as it is made, and is understood', async () => {
    const customer = await provider.createCustomer({ customerId: 'contract', name: 'Contract', email: 'owner@contract.test' });
    expect(customer.id).toMatch(/^cus_/);
    expect(await provider.customer(customer.id)).toMatchObject({ deleted: false });
    const price = await priceOf('mid', 50_000);
    const checkout = await provider.createCheckout({ customer: customer.id, customerId: 'contract', priceId: price.id, trialDays: 7, successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no' });
    expect((await provider.checkout(checkout.id)).id).toMatch(/^cs_/);
    expect(await provider.createPortal(customer.id, 'https://a.test')).toMatch(/^https?:/);
    expect((await provider.createInvoiceItem(item(customer.id, 4_200n), newId())).id).toMatch(/^ii_/);
    expect((await provider.createInvoiceItem(item(customer.id, -100n), newId())).id).toMatch(/^ii_/);
    expect((await provider.invoiceItemsOf(customer.id, { createdSince: new Date(0), pending: true })).length).toBeGreaterThan(0);
    const invoice = await provider.createInvoice({ outboxId: newId(), customer: customer.id, description: 'Final invoice' }, newId());
    expect((await provider.invoice(invoice.id)).id).toMatch(/^in_/);
    expect((await provider.finalizeInvoice(invoice.id)).id).toMatch(/^in_/);
    expect(Array.isArray(await provider.invoicesOf(customer.id))).toBe(true);
    expect(Array.isArray(await provider.subscriptionsOf(customer.id))).toBe(true);
  });

  // Of what answers with examples only the form of the calls can be asked.
  const life = stateful ? 'carries a subscription from its first payment over failure and recovery to its end' : 'takes every call of a subscription\'s life';
  it(life, async () => {
    const customer = await stage.newCustomer('life');
    const mid = await priceOf('mid', 50_000);
    const early = await priceOf('early', 0);
    const checkout = await provider.createCheckout({ customer, customerId: 'life', priceId: mid.id, trialDays: null, successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no' });
    const id = await stage.subscribe(customer, mid.id, checkout.id);
    const subscription = await provider.subscription(id);

    const wanted = item(customer, 4_200n);
    const sent = await provider.createInvoiceItem(wanted, `vbp:${wanted.outboxId}`);
    const again = await provider.createInvoiceItem(wanted, `vbp:${wanted.outboxId}`);
    const listed = await provider.invoiceItemsOf(customer);
    if (!stateful) {
      await provider.changePrice(subscription, mid.id, 'now');
      await provider.changePrice(subscription, early.id, 'next_invoice');
      await provider.cancelAtPeriodEnd(id, true);
      expect((await provider.cancelNow(id)).id).toMatch(/^sub_/);
      const invoice = { ...(await provider.invoice('in_example')), status: 'paid' };
      expect((await provider.createCreditNote({ invoice, amountCents: 100, memo: 'a gift', refund: true }, newId())).id).toMatch(/^cn_/);
      expect((await provider.creditNote('cn_example')).id).toMatch(/^cn_/);
      expect((await provider.refund('re_example')).id).toMatch(/^re_/);
      expect((await provider.dispute('dp_example')).id).toMatch(/^(dp|du)_/);
      expect(Array.isArray(await provider.refundsOf('ch_example'))).toBe(true);
      return;
    }
    expect(subscription).toMatchObject({ customer, status: 'active', cancelAt: null, price: { id: mid.id, amountCents: 50_000 } });
    expect(await provider.invoicesOf(customer)).toMatchObject([{ status: 'paid', totalCents: 50_000, paidCents: 50_000, subscription: id }]);
    expect(again.id).toBe(sent.id);
    expect(listed.filter((one: InvoiceItemSnapshot) => one.outboxId === wanted.outboxId)).toMatchObject([{ id: sent.id, amountCents: 4_200, currency: 'usd', invoice: null }]);
    await expect(provider.createInvoiceItem({ ...wanted, amountCents: 9n }, `vbp:${wanted.outboxId}`)).rejects.toMatchObject({ kind: 'key_conflict' });

    await stage.advance(MONTH + 2 * HOUR);
    const [second] = await provider.invoicesOf(customer);
    expect(second).toMatchObject({ status: 'paid', totalCents: 54_200, feeCents: 50_000, chargedCents: 4_200, balanceCents: 0, items: [{ itemId: sent.id, amountCents: 4_200 }] });
    const note = await provider.createCreditNote({ invoice: second!, amountCents: 200, memo: 'too much', refund: true }, newId());
    expect(await provider.creditNote(note.id)).toMatchObject({ invoice: second!.id, customer, amountCents: 200, prePaymentCents: 0, refundedCents: 200, status: 'issued' });
    const kept = await provider.createCreditNote({ invoice: second!, amountCents: 300, memo: 'a gift', refund: false }, newId());
    expect(await provider.creditNote(kept.id)).toMatchObject({ prePaymentCents: 0, refundedCents: 0, outOfBandCents: 0 });
    expect(await provider.customer(customer)).toMatchObject({ balanceCents: -300 });

    await stage.setCard(customer, 'declines');
    await stage.advance(MONTH);
    const [failed] = await provider.invoicesOf(customer);
    expect(failed).toMatchObject({ status: 'open', paidCents: 0, feeCents: 50_000, chargedCents: 0, balanceCents: 300 });
    expect(failed!.attempts).toBeGreaterThan(0);
    expect(await provider.subscription(id)).toMatchObject({ status: 'past_due' });
    await expect(provider.changePrice(subscription, (await priceOf('mid', 60_000)).id, 'now')).rejects.toMatchObject({ kind: 'declined' });
    await stage.setCard(customer, 'pays');
    await stage.payByHand(failed!.id);
    expect(await provider.invoice(failed!.id)).toMatchObject({ status: 'paid', paidCents: 49_700 });
    expect(await provider.subscription(id)).toMatchObject({ status: 'active' });

    expect(await provider.changePrice(subscription, early.id, 'next_invoice')).toMatchObject({ price: { id: early.id } });
    // The rest of the period, taken off the next invoice: less than the fee, and the subscription's own.
    await stage.advance(MONTH);
    const [set] = await provider.invoicesOf(customer);
    expect(set).toMatchObject({ status: 'paid', paidCents: 0, chargedCents: 0 });
    expect(set!.feeCents).toBeLessThan(0);
    expect([set!.totalCents, set!.balanceCents]).toEqual([set!.feeCents, set!.feeCents]);
    expect((await provider.customer(customer)).balanceCents).toBe(set!.feeCents);

    for (let n = 0; n < 12; n++) await provider.createInvoiceItem(item(customer, 100n), newId());
    const manual = await provider.createInvoice({ outboxId: newId(), customer, description: 'Many lines' }, newId());
    expect((await provider.invoice(manual.id)).items).toHaveLength(12);
    expect(await provider.finalizeInvoice(manual.id)).toMatchObject({ totalCents: 1_200, chargedCents: 1_200, feeCents: 0, balanceCents: 1_200, status: 'paid' });
    expect((await provider.cancelAtPeriodEnd(id, true)).cancelAt).not.toBeNull();
    expect((await provider.cancelAtPeriodEnd(id, false)).cancelAt).toBeNull();
    expect(await provider.cancelNow(id)).toMatchObject({ status: 'canceled' });
    expect(await provider.subscriptionsOf(customer)).toMatchObject([{ id, status: 'canceled' }]);
  }, 300_000);

  const refusal = stateful ? 'refuses what is not there, and what is no amount' : 'refuses what Stripe\'s OpenAPI does not have';
  it(refusal, async () => {
    if (!stateful) {
      await expect(provider.createPrice({ tier: 'mid', lookupKey: lookupKeyOf('mid', 1), amountCents: 1.5 })).rejects.toBeInstanceOf(PaymentError);
      return;
    }
    await expect(provider.subscription('sub_nothing')).rejects.toMatchObject({ kind: 'missing', code: 'resource_missing' });
    await expect(provider.createInvoiceItem(item('cus_nothing', 100n), newId())).rejects.toMatchObject({ kind: 'missing' });
    await expect(provider.createInvoiceItem({ ...item(await stage.newCustomer('bad'), 100n), currency: 'dollars' }, newId())).rejects.toMatchObject({ kind: 'invalid' });
  });
});

describe('the fake', () => {
  let fake: StripeFake;
  beforeAll(async () => (fake = await StripeFake.start()));
  afterAll(() => fake.close());
  const post = async (path: string, body: string, headers: Record<string, string> = {}): Promise<[number, string | undefined, unknown]> => {
    const response = await fetch(fake.url + path, { method: 'POST', headers: { authorization: `Bearer ${fake.key}`, 'content-type': 'application/x-www-form-urlencoded', ...headers }, body });
    const answer = (await response.json()) as { id?: string; error?: { code?: string; type: string } };
    return [response.status, answer.error?.code ?? answer.error?.type, answer.id];
  };

  it.each([
    ['what is unknown', '/v1/customers', 'name=a&colour=red', 'parameter_unknown'],
    ['what is unknown deep inside', '/v1/invoiceitems', 'customer=c&amount=1&currency=usd&period[start]=1&period[end]=2&period[middle]=1', 'parameter_unknown'],
    ['what is missing', '/v1/invoiceitems', 'customer=c&currency=usd', 'parameter_missing'],
    ['what is no whole number', '/v1/invoiceitems', 'customer=c&amount=1.5&currency=usd', 'invalid_request_error'],
    ['a path that is none', '/v1/nothing', '', 'invalid_request_error'],
  ])('refuses %s, as Stripe does', async (_what, path, body, code) => {
    const [status, refusal] = await post(path, body);
    expect([Math.floor(status / 100), refusal]).toEqual([4, code]);
  });

  it('gives the answer of a key again, a 500 too, and refuses the key for anything else', async () => {
    const key = { 'idempotency-key': 'k1' };
    const first = await post('/v1/customers', 'name=a', key);
    expect(await post('/v1/customers', 'name=a', key)).toEqual(first);
    expect(await post('/v1/customers', 'name=b', key)).toEqual([400, 'idempotency_error', undefined]);
    fake.server.trouble(/customers/, 'error-after');
    const broken = { 'idempotency-key': 'k2' };
    const before = fake.store.customers.size;
    for (let n = 0; n < 3; n++) expect(await post('/v1/customers', 'name=c', broken)).toEqual([500, 'api_error', undefined]);
    expect(fake.store.customers.size).toBe(before + 1);
  });
});
