import { Logger } from '@nestjs/common';
import { DAY, HOUR, signed, type StripeEvent } from '../../../../test/support/stripe/stripe-fake.js';
import { BY, SECRET, shuffled, StripeStage } from '../../test/stripe-stage.js';

const ORDERS = 100;

// Real: Postgres, Stripe's SDK over HTTP. Stripe is the fake.
describe('webhooks', () => {
  let stage: StripeStage;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    stage = await StripeStage.open();
  });
  afterAll(async () => {
    await stage.close();
    Logger.overrideLogger(new Logger());
  });
  const accept = (event: StripeEvent, { secret = SECRET, at = stage.clock.now() / 1_000 }: { secret?: string; at?: number } = {}): Promise<boolean> => {
    const { body, signature } = signed(event, secret, at);
    return stage.billing.inbox.accept(Buffer.from(body), signature);
  };

  it(`come to the same state in ${ORDERS} orders, with duplicates, by one process or two`, async () => {
    const { fake, billing } = stage;
    const customer = await stage.subscribed('acme', 'early', 10);
    stage.advance(11 * DAY);
    await billing.accounts.changeTier('acme', 'mid', BY);
    await stage.statement('acme', '2025-12', { vbp: 4_200, bvm: 70 });
    await billing.sender.drain();
    stage.advance(32 * DAY);
    const paid = [...fake.store.invoices.values()].filter(({ charge }) => charge !== null);
    await stage.deliver();
    await billing.accounts.creditNote('acme', { invoiceId: paid.at(-1)!.id, amountCents: 500, refund: true, reason: 'too much' }, 'operator:test');
    await billing.accounts.creditNote('acme', { invoiceId: paid.at(-1)!.id, amountCents: 300, refund: false, reason: 'a gift' }, 'operator:test');
    fake.closeDispute(fake.openDispute(paid[0]!.charge!), 'won');
    fake.openDispute(paid.at(-1)!.charge!);
    fake.setCard(customer, 'asks');
    stage.advance(29 * DAY);
    fake.payByHand([...fake.store.invoices.values()].find(({ status }) => status === 'open')!.id);
    fake.setCard(customer, 'declines');
    stage.advance(31 * DAY + 2 * HOUR);
    const types = new Set(fake.events.map(({ type }) => type));
    for (const type of ['checkout.session.completed', 'customer.subscription.created', 'customer.subscription.updated', 'invoice.created', 'invoice.finalized', 'invoice.paid', 'invoice.payment_failed', 'invoice.payment_action_required', 'credit_note.created', 'charge.dispute.created', 'charge.dispute.closed', 'refund.created', 'charge.refunded']) expect(types).toContain(type);

    const picture = async (): Promise<unknown> => ({
      customer: await stage.query('select tier, stripe_customer_id from customers'),
      standing: await stage.query('select standing, derived_tier, past_due_since, grace_until, attention, disputed from billing_standings'),
      subscriptions: await stage.query('select id, status, tier, period_end from stripe_subscriptions order by id'),
      invoices: await stage.query('select id, status, total_cents, paid_cents, attempts from stripe_invoices order by id'),
      ledger: await stage.query('select e.kind, e.source_id, e.occurred_at, l.account, l.amount_pd from ledger_entries e join ledger_lines l on l.entry_id = e.id order by 1, 2, 4'),
      items: await stage.query('select stripe_id, stripe_invoice_id, invoiced_cents from stripe_outbox order by 1'),
      unhandled: await stage.query('select id, last_error from stripe_events where processed_at is null'),
    });
    await stage.deliver();
    const expected = await picture();
    expect(expected).toMatchObject({ customer: [{ tier: 'mid' }], standing: [{ standing: 'past_due', attention: ['disputed'], disputed: [expect.any(String)] }], unhandled: [] });

    const another = stage.open();
    for (let seed = 1; seed <= ORDERS; seed++) {
      await stage.database.empty('stripe_events', 'stripe_subscriptions', 'stripe_invoices', 'billing_standings', 'ledger_entries', 'ledger_lines');
      await stage.query(`update customers set tier = 'free'`);
      await stage.query('update stripe_outbox set stripe_invoice_id = null, invoiced_cents = null');
      for (const event of shuffled(seed)(fake.events)) await accept(event);
      // Now and then two processes handle them at once.
      await Promise.all((seed % 10 === 0 ? [billing, another] : [billing]).map(({ inbox }) => inbox.drain()));
      expect([seed, await picture()]).toEqual([seed, expected]);
    }
    // Once more from what was stored: nothing moves.
    expect(await billing.inbox.replay({ since: new Date(0) })).toBe(fake.events.length);
    expect(await billing.inbox.drain()).toBe(fake.events.length);
    expect(await picture()).toEqual(expected);
  }, 300_000);

  it('are refused when forged, stale, from the future, or of the other mode; one that was seen does nothing', async () => {
    const event: StripeEvent = { ...stage.fake.events[0]!, id: 'evt_new' };
    const now = stage.clock.now() / 1_000;
    await expect(accept(event, { secret: 'whsec_of_somebody_else' })).rejects.toMatchObject({ code: 'bad_signature', httpStatus: 400 });
    await expect(accept(event, { at: now - 301 })).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(accept(event, { at: now + 301 })).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(accept({ ...event, livemode: true })).rejects.toMatchObject({ code: 'livemode_mismatch' });
    const { body, signature } = signed(event, SECRET, now);
    await expect(stage.billing.inbox.accept(Buffer.from(body.replace('evt_new', 'evt_nex')), signature)).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(stage.billing.inbox.accept(Buffer.from(body), undefined)).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(stage.billing.inbox.accept(Buffer.from(body), `${signature},t=${now}`)).rejects.toMatchObject({ code: 'bad_signature' });
    const noise = signed({ nothing: 'like it' } as never, SECRET, now);
    await expect(stage.billing.inbox.accept(Buffer.from(noise.body), noise.signature)).rejects.toMatchObject({ code: 'malformed_event' });
    expect(await stage.query(`select 1 from stripe_events where id = 'evt_new'`)).toEqual([]);

    expect(await accept(event, { at: now - 299 })).toBe(true);
    expect(await accept(event)).toBe(false);
    expect(await stage.billing.inbox.drain()).toBe(1);
    // A captured one, sent again when it is old.
    await expect(accept(event, { at: now - 3_600 })).rejects.toMatchObject({ code: 'bad_signature' });
  });

  it('wait where Stripe or what is behind it fails, and are handled afterwards', async () => {
    await stage.fake.server.close();
    await stage.customer('patient');
    const event: StripeEvent = { ...stage.fake.events.find(({ type }) => type === 'customer.subscription.created')!, id: 'evt_waits' };
    await accept(event);
    expect(await stage.billing.inbox.drain()).toBe(0);
    expect(await stage.query(`select attempts, processed_at, last_error from stripe_events where id = 'evt_waits'`)).toEqual([{ attempts: 1, processed_at: null, last_error: expect.stringContaining('connection') as string }]);
    await stage.fake.server.listen();
    stage.clock.advance(60_000);
    expect(await stage.billing.inbox.drain()).toBe(1);
  });

  it('about strangers, and about what is no more, are put aside', async () => {
    const { fake } = stage;
    const events = [
      { type: 'customer.updated', data: { object: { id: 'cus_nobody', object: 'customer' } } },
      { type: 'invoice.paid', data: { object: { id: 'in_gone', object: 'invoice', customer: await stage.stripeId('acme') } } },
      { type: 'invoice.upcoming', data: { object: { object: 'invoice' } } },
      { type: 'balance.available', data: { object: { object: 'balance' } } },
    ].map((one, n) => ({ ...fake.events[0]!, ...one, id: `evt_odd_${n}` }));
    const stranger = fake.store.id('cus');
    fake.store.customers.set(stranger, { id: stranger, name: 'x', email: null, description: null, metadata: {}, balance: 0, currency: null, deleted: false, created: 1, card: 'pays' });
    const foreign = { ...fake.events[0]!, id: 'evt_odd_4', type: 'customer.subscription.created', data: { object: { id: fake.subscribeTo(stranger, { unit_amount: 100 }).id, object: 'subscription', customer: stranger } } };
    for (const event of [...events, foreign]) await accept(event);
    await stage.billing.inbox.drain();
    const outcomes = await stage.query<{ outcome: string }>(`select outcome from stripe_events where id like 'evt_odd_%' order by id`);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['gone', 'gone', 'ignored', 'ignored', 'foreign']);
  });

  it('keep what Stripe sent as it came', async () => {
    await expect(stage.query(`update stripe_events set payload = '{}'`)).rejects.toMatchObject({ code: '23001' });
    await expect(stage.query('delete from stripe_events')).rejects.toMatchObject({ code: '23001' });
  });
});
