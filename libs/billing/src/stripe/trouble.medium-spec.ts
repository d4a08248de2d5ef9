import { Logger } from '@nestjs/common';
import { ConfigError } from '@apex/common';
import { GatewayMetrics } from '@apex/telemetry';
import { DAY, HOUR, signed } from '../../../../test/support/stripe/stripe-fake.js';
import { statementsOver } from '../../test/statement-books.js';
import { BY, SECRET, StripeStage } from '../../test/stripe-stage.js';
import { type Statements } from '../statements/statements.service.js';
import { registerStripeMetrics } from './stripe-metrics.js';
import { StripeWorker } from './stripe-worker.service.js';

// Real: Postgres, Stripe's SDK over HTTP. Stripe is the fake.
describe('what is not as it should be', () => {
  let stage: StripeStage;
  let statements: Statements;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    stage = await StripeStage.open();
    statements = statementsOver(stage.database.dataSource, stage.clock);
  });
  afterAll(async () => {
    await stage.close();
    Logger.overrideLogger(new Logger());
  });
  const checkout = (customerId: string, tier: string): Promise<{ id: string }> => stage.billing.accounts.checkout(customerId, { tier, successUrl: 'https://a.test', cancelUrl: 'https://a.test', trialDays: null }, BY);
  const audited = async (customerId: string): Promise<{ action: string; reason: string | null }[]> => stage.query('select action, reason from audit_log where target = $1 order by id', [`customer:${customerId}`]);
  /** What the audit log says that a person should look at. */
  const told = async (customerId: string): Promise<string[]> => (await stage.query<{ attention: string[] }>(`select after -> 'attention' as attention from audit_log where target = $1 and action = 'billing.standing'`, [`customer:${customerId}`])).flatMap(({ attention }) => attention);
  const state = (id: string): ReturnType<typeof stage.billing.states.of> => stage.billing.states.of(id);

  it('a price that is none of ours: the tier stays, and a person is told', async () => {
    await stage.subscribed('unknown-price', 'early');
    await stage.billing.accounts.cancel('unknown-price', 'now', BY);
    const stripeId = await stage.stripeId('unknown-price');
    stage.fake.subscribeTo(stripeId, { unit_amount: 9_900 });
    await stage.deliver();
    expect(await state('unknown-price')).toMatchObject({ tier: 'free', standing: 'active', attention: ['unknown_price'], subscription: { tier: null } });
    expect(await told('unknown-price')).toContain('unknown_price');
    // What is owed is asked for all the same, once.
    await stage.statement('unknown-price', '2026-01', { vbp: 4_400 });
    for (let time = 0; time < 2; time++) await stage.billing.sender.drain();
    expect(stage.fake.itemsOf(stripeId).map(({ amount }) => amount)).toEqual([4_400]);
  });

  it('a lookup key that lies about its amount is none of ours', async () => {
    const stripeId = await stage.subscribed('liar', 'early');
    await stage.billing.accounts.cancel('liar', 'now', BY);
    stage.fake.subscribeTo(stripeId, { unit_amount: 100, lookup_key: 'apex_mid_50000_usd_month' });
    await stage.deliver();
    expect(await state('liar')).toMatchObject({ tier: 'free', attention: ['unknown_price'] });
    expect(await told('liar')).toContain('unknown_price');
  });

  it('a currency other than USD: no tier, nothing in the ledger, and a person is told', async () => {
    const stripeId = await stage.subscribed('euros', 'early');
    await stage.billing.accounts.cancel('euros', 'now', BY);
    stage.fake.subscribeTo(stripeId, { unit_amount: 50_000, currency: 'eur', lookup_key: 'apex_mid_50000_eur_month' });
    await stage.deliver();
    expect(await state('euros')).toMatchObject({ tier: 'free', attention: ['foreign_currency'], invoices: [{ currency: 'eur', status: 'paid', totalCents: '50000' }, {}] });
    expect(await told('euros')).toContain('foreign_currency');
    expect(await stage.query(`select kind, source_id from ledger_entries where customer_id = 'euros'`)).toEqual([]);
    // Their account does not take our dollars: the charge is kept, in sight, and nothing was taken.
    stage.fake.store.customers.get(stripeId)!.currency = 'eur';
    await stage.statement('euros', '2026-01', { vbp: 4_400 });
    for (let time = 0; time < 2; time++) await stage.billing.sender.drain();
    expect([stage.fake.itemsOf(stripeId), (await state('euros')).charges]).toMatchObject([[], [{ state: 'refused', amountCents: '4400', problem: expect.stringContaining('combine currencies') as string }]]);
    expect(await audited('euros')).toContainEqual({ action: 'billing.charge_refused', reason: expect.stringContaining('combine currencies') as string });
    expect((await stage.billing.audit.run()).differences.filter(({ customerId }) => customerId === 'euros')).toMatchObject([{ kind: 'charge_refused' }]);
  });

  it('a tier that vanished: cannot be bought, and gives nothing to who has it', async () => {
    await stage.subscribed('vanishing', 'mid');
    await stage.query(`delete from tiers where name = 'mid'`);
    try {
      await expect(checkout(await stage.customer('late'), 'mid')).rejects.toMatchObject({ code: 'unknown_tier', httpStatus: 400 });
      await stage.billing.projector.resync('vanishing');
      // The last that was known stays; nobody is thrown out by a mistake in a table.
      expect(await state('vanishing')).toMatchObject({ tier: 'mid', standing: 'active', attention: ['unknown_price'] });
      expect(await told('vanishing')).toContain('unknown_price');
      // Its statement cannot say at what rate: it waits until somebody has mended the table.
      await stage.query(`update customers set created_at = '2025-11-05' where id = 'vanishing'`);
      await expect(statements.closeDue('vanishing', 'test')).rejects.toMatchObject({ code: 'tier_missing' });
      expect(await audited('vanishing')).toContainEqual({ action: 'statement.refuse', reason: null });
    } finally {
      await stage.query(`insert into tiers (name, rank, platform_fee_pd, vbp_rate_ppm, vbp_billed, workbench) values ('mid', 3, 500000000000000, 200000, true, true)`);
    }
    expect(await statements.closeDue('vanishing', 'test')).not.toEqual([]);
    await stage.billing.projector.resync('vanishing');
    expect(await state('vanishing')).toMatchObject({ tier: 'mid', attention: [] });
  });

  it.each([
    ['free', 'unknown_tier'],
    ['platinum', 'unknown_tier'],
    ['enterprise', 'tier_by_agreement'],
  ])('the tier %s is not to be bought: %s', async (tier, code) => {
    await expect(checkout(await stage.customer(`wants-${tier}`), tier)).rejects.toMatchObject({ code });
  });

  it('what was agreed with a customer is what they pay, for a tier that has no fee of its own too', async () => {
    await stage.customer('agreed');
    await stage.query(`insert into customer_terms (customer_id, platform_fee_pd) values ('agreed', 1234560000000000)`);
    stage.fake.completeCheckout((await checkout('agreed', 'enterprise')).id);
    await stage.deliver();
    expect(await state('agreed')).toMatchObject({ tier: 'enterprise', invoices: [{ totalCents: '123456' }] });
    await stage.billing.accounts.cancel('agreed', 'now', BY);
    expect(await stage.tier('agreed')).toBe('free');
  });

  it('a tier\'s new fee is a new price; who pays the old one keeps the tier', async () => {
    await stage.subscribed('old-fee', 'mid');
    await stage.query(`update tiers set platform_fee_pd = 600000000000000 where name = 'mid'`);
    try {
      await stage.subscribed('new-fee', 'mid');
      await stage.billing.projector.resync('old-fee');
      expect([await state('old-fee'), await state('new-fee')]).toMatchObject([{ tier: 'mid', invoices: [{ totalCents: '50000' }] }, { tier: 'mid', invoices: [{ totalCents: '60000' }] }]);
    } finally {
      await stage.query(`update tiers set platform_fee_pd = 500000000000000 where name = 'mid'`);
    }
  });

  it('a customer who was deleted in Stripe: what cannot be sent is kept, and goes to the next account', async () => {
    const old = await stage.subscribed('deleted', 'early');
    stage.fake.deleteCustomer(old);
    await stage.deliver();
    expect(await state('deleted')).toMatchObject({ tier: 'free', standing: 'ended', attention: ['customer_deleted'] });
    await stage.statement('deleted', '2026-01', { vbp: 7_700 });
    await stage.billing.sender.drain();
    expect((await state('deleted')).charges).toMatchObject([{ state: 'refused', problem: expect.stringContaining('No such customer') as string }]);
    expect(await audited('deleted')).toContainEqual({ action: 'billing.charge_refused', reason: expect.stringContaining('No such customer') as string });
    expect((await stage.billing.audit.run()).differences).toMatchObject(expect.arrayContaining([{ kind: 'customer_deleted', customerId: 'deleted' }, { kind: 'charge_refused', customerId: 'deleted' }].map((one) => expect.objectContaining(one) as unknown)));

    stage.fake.completeCheckout((await checkout('deleted', 'early')).id);
    await stage.deliver();
    await stage.billing.sender.drain();
    const next = await stage.stripeId('deleted');
    expect([next === old, stage.fake.itemsOf(next).map(({ amount }) => amount)]).toEqual([false, [7_700]]);
    expect(await state('deleted')).toMatchObject({ tier: 'early', standing: 'active', attention: [] });
  });

  it('an amount under the minimum charge is refused where nothing else is on the invoice', async () => {
    const small = await stage.subscribed('small', 'early');
    const big = await stage.subscribed('big', 'mid');
    await stage.statement('small', '2026-01', { vbp: 49 });
    await stage.statement('big', '2026-01', { vbp: 49 });
    await stage.billing.sender.drain();
    expect((await state('small')).charges).toMatchObject([{ state: 'refused', problem: 'under_minimum_charge' }]);
    expect(await audited('small')).toContainEqual({ action: 'billing.charge_refused', reason: 'under_minimum_charge' });
    expect([stage.fake.itemsOf(small), stage.fake.itemsOf(big).map(({ amount }) => amount)]).toEqual([[], [49]]);
  });

  it('a refused charge goes again when a person has mended it', async () => {
    const stripeId = await stage.subscribed('mended', 'early');
    stage.fake.store.customers.get(stripeId)!.currency = 'eur';
    const [charge] = await stage.statement('mended', '2026-01', { vbp: 1_234 });
    await stage.billing.sender.drain();
    expect((await state('mended')).charges).toMatchObject([{ state: 'refused', problem: expect.stringContaining('combine currencies') as string }]);
    stage.fake.store.customers.get(stripeId)!.currency = 'usd';
    await stage.billing.accounts.retry('mended', charge!, BY);
    await stage.billing.sender.drain();
    expect(stage.fake.itemsOf(stripeId).map(({ amount }) => amount)).toEqual([1_234]);
  });

  it('an upgrade that the bank refuses changes nothing; one that it pays is settled at once, a downgrade on the next invoice', async () => {
    const stripeId = await stage.subscribed('mover', 'early');
    stage.advance(10 * DAY);
    stage.fake.setCard(stripeId, 'declines');
    await expect(stage.billing.accounts.changeTier('mover', 'mid', BY)).rejects.toMatchObject({ code: 'payment_declined', httpStatus: 402 });
    await stage.deliver();
    expect(await state('mover')).toMatchObject({ tier: 'early', standing: 'active' });
    stage.fake.setCard(stripeId, 'pays');
    await stage.billing.accounts.changeTier('mover', 'mid', BY);
    expect(await state('mover')).toMatchObject({ tier: 'mid' });
    await stage.deliver();
    const { subscription, invoices } = await state('mover');
    const left = (Date.parse(subscription!.periodEnd!) - stage.clock.now()) / (Date.parse(subscription!.periodEnd!) - Date.parse(subscription!.periodStart!));
    expect(invoices[0]).toMatchObject({ status: 'paid', totalCents: String(Math.round(50_000 * left)) });
    await stage.billing.accounts.changeTier('mover', 'early', BY);
    expect(await state('mover')).toMatchObject({ tier: 'early' });
    expect(stage.fake.itemsOf(stripeId).filter(({ invoice }) => invoice === null).map(({ amount }) => amount)).toEqual([-Math.round(50_000 * left), 0]);
  });

  it('a trial gives the tier and costs nothing until its end; a cancellation can be taken back', async () => {
    await stage.subscribed('trier', 'mid', 14);
    expect(await state('trier')).toMatchObject({ tier: 'mid', standing: 'trialing', invoices: [{ status: 'paid', totalCents: '0' }] });
    await stage.billing.accounts.cancel('trier', 'period_end', BY);
    expect((await state('trier')).subscription!.endsAt).not.toBeNull();
    await stage.billing.accounts.resume('trier', BY);
    stage.advance(14 * DAY + 2 * HOUR);
    await stage.deliver();
    expect(await state('trier')).toMatchObject({ tier: 'mid', standing: 'active', subscription: { endsAt: null }, invoices: [{ status: 'paid', totalCents: '50000' }, { totalCents: '0' }] });
    await expect(checkout('trier', 'early')).rejects.toMatchObject({ code: 'already_subscribed' });
  });

  it('Stripe away, or not accepting our key, is said to who asks, and nothing is changed', async () => {
    await stage.customer('unlucky');
    const wrong = stage.open('sk_test_wrong');
    await expect(wrong.accounts.checkout('unlucky', { tier: 'mid', successUrl: 'https://a.test', cancelUrl: 'https://a.test', trialDays: null }, BY)).rejects.toMatchObject({ code: 'payment_provider_refuses_us', httpStatus: 503 });
    await stage.fake.server.close();
    await expect(checkout('unlucky', 'mid')).rejects.toMatchObject({ code: 'payment_provider_unavailable', httpStatus: 503 });
    await stage.fake.server.listen();
    expect(await stage.stripeId('unlucky')).toBeNull();
    await expect(stage.billing.accounts.portal('unlucky', 'https://a.test')).rejects.toMatchObject({ code: 'no_billing_account' });
    await expect(stage.billing.accounts.cancel('unlucky', 'now', BY)).rejects.toMatchObject({ code: 'no_subscription' });
  });

  it('an operator\'s word on the tier stands until Stripe says something new', async () => {
    await stage.subscribed('favoured', 'early');
    await stage.query(`update customers set tier = 'mid' where id = 'favoured'`);
    await stage.billing.projector.resync('favoured');
    expect(await stage.tier('favoured')).toBe('mid');
    await stage.billing.accounts.cancel('favoured', 'now', BY);
    expect(await stage.tier('favoured')).toBe('free');
  });

  it('the audit lists every difference, and takes over what no event told of', async () => {
    const stripeId = await stage.subscribed('audited', 'mid');
    const [charge] = await stage.statement('audited', '2026-01', { vbp: 500 });
    await stage.billing.sender.drain();
    await stage.billing.audit.run();
    // Nobody tells us of a renewal; somebody meddles with items in Stripe's dashboard.
    stage.advance(32 * DAY);
    const item = [...stage.fake.store.items.values()].find(({ metadata }) => metadata['apex_outbox'] === charge)!;
    stage.fake.store.items.set('ii_copy', { ...item, id: 'ii_copy' });
    stage.fake.store.items.set('ii_stray', { ...item, id: 'ii_stray', customer: stripeId, metadata: { apex_outbox: 'nobody' } });
    const kinds = ({ differences }: Awaited<ReturnType<typeof stage.billing.audit.run>>): string[] => differences.filter(({ customerId }) => customerId === 'audited').map(({ kind }) => kind);
    expect(kinds(await stage.billing.audit.run())).toEqual(['subscription_differs', 'invoice_missing_here', 'item_twice', 'item_unknown_here', 'invoice_not_in_ledger', 'payment_not_in_ledger']);
    const again = await stage.billing.audit.run();
    expect(kinds(again)).toEqual(['item_twice', 'item_unknown_here']);
    expect(await stage.billing.audit.latest()).toEqual(again);
  });

  it('the audit runs once a night, whoever is there', async () => {
    stage.advance(DAY - ((stage.clock.now() / 1_000) % DAY) + HOUR);
    expect(await stage.billing.audit.runIfDue()).toBeNull();
    stage.advance(3 * HOUR);
    const runs = await Promise.all([stage.billing, stage.open()].map(({ audit }) => audit.runIfDue()));
    expect(runs.filter((run) => run !== null)).toHaveLength(1);
    expect(await stage.billing.audit.runIfDue()).toBeNull();
  });

  it('Prometheus sees what waits, for whom, since when, and what came of it, and no name of anybody', async () => {
    const seen = stage.open();
    const metrics = new GatewayMetrics();
    registerStripeMetrics(metrics, seen.counts, seen.backlog);
    const figures = async (): Promise<Record<string, number>> =>
      Object.fromEntries((await metrics.render()).body.split('\n').filter((line) => line.startsWith('apex_stripe_')).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
    const before = await figures();
    const grown = async (name: string): Promise<number> => ((await figures())[name] ?? 0) - (before[name] ?? 0);

    await stage.subscribed('measured', 'early');
    const [due] = await stage.statement('measured', '2026-01', { vbp: 900 });
    await stage.statement('measured', '2026-02', { vbp: 10 });
    await stage.statement(await stage.customer('accountless', 'early'), '2026-01', { vbp: 900 });
    stage.fake.server.trouble(/invoiceitems/, 'error-after');
    await seen.sender.drain();
    await stage.query(`update stripe_outbox set created_at = now() - interval '2 hours' where id = $1`, [due]);
    expect([await grown('apex_stripe_charges{state="uncertain"}'), await grown('apex_stripe_charges{state="due"}'), await grown('apex_stripe_charges{state="held"}')]).toEqual([1, 0, 1]);
    expect((await figures())['apex_stripe_charges_age_seconds']).toBeGreaterThanOrEqual(7_200);
    expect([await grown('apex_stripe_charges_refused{code="under_minimum_charge"}'), await grown('apex_stripe_charges_refused{code="missing"}')]).toEqual([1, 0]);
    stage.clock.advance(600_000);
    await seen.sender.drain();
    expect([await grown('apex_stripe_sendings_total{result="server_error"}'), await grown('apex_stripe_sendings_total{result="found"}'), await grown('apex_stripe_charges{state="uncertain"}')]).toEqual([1, 1, 0]);
    stage.billed = false;
    await stage.statement('measured', '2026-03', { vbp: 900 });
    await seen.sender.drain();
    expect([await grown('apex_stripe_charges{state="held"}'), (await figures())['apex_stripe_charges_age_seconds']]).toEqual([2, 0]);
    stage.billed = true;

    const now = stage.clock.now() / 1_000;
    const event = { ...stage.fake.events[0]!, id: 'evt_measured' };
    const { body, signature } = signed(event, SECRET, now);
    for (let time = 0; time < 2; time++) await seen.inbox.accept(Buffer.from(body), signature);
    await expect(seen.inbox.accept(Buffer.from(body), signed(event, 'whsec_of_somebody_else', now).signature)).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(seen.inbox.accept(Buffer.from(signed({ ...event, livemode: true }, SECRET, now).body), signed({ ...event, livemode: true }, SECRET, now).signature)).rejects.toMatchObject({ code: 'livemode_mismatch' });
    stage.clock.advance(90_000);
    expect(await figures()).toMatchObject({ apex_stripe_events_waiting: 1, apex_stripe_events_age_seconds: 90, 'apex_stripe_webhooks_total{result="stored"}': 1, 'apex_stripe_webhooks_total{result="duplicate"}': 1, 'apex_stripe_webhooks_total{result="bad_signature"}': 1, 'apex_stripe_webhooks_total{result="livemode_mismatch"}': 1 });
    await seen.inbox.drain();
    expect(await figures()).toMatchObject({ apex_stripe_events_waiting: 0, apex_stripe_events_age_seconds: 0, 'apex_stripe_events_total{outcome="applied"}': 1 });
    const { differences } = await seen.audit.run();
    stage.clock.advance(60_000);
    expect(await figures()).toMatchObject({ apex_stripe_differences: differences.length, apex_stripe_comparison_age_seconds: 60 });
    expect(Object.keys(await figures()).join()).not.toMatch(/measured|accountless|cus_|evt_/);
  });

  it('a live key refuses test data, and says what to do', async () => {
    const live = stage.open('sk_live_real');
    await expect(live.checkMode()).rejects.toThrow(ConfigError);
    await expect(live.checkMode()).rejects.toThrow('STRIPE_SECRET_KEY is a live key, and this database holds Stripe\'s test data');
    await expect(new StripeWorker({ account: null, webhookSecrets: [], lookEveryMs: 0 }, live).onModuleInit()).rejects.toThrow(ConfigError);
    await expect(stage.open().checkMode()).resolves.toBeUndefined();
  });
});
