import { Logger } from '@nestjs/common';
import { DAY, HOUR } from '../../../../test/support/stripe/stripe-fake.js';
import { BY, StripeStage } from '../../test/stripe-stage.js';

// Real: Postgres, Stripe's SDK over HTTP. Stripe is the fake, which keeps its state and its time.
describe('a customer\'s life with Stripe', () => {
  let stage: StripeStage;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    stage = await StripeStage.open();
  });
  afterAll(async () => {
    await stage.close();
    Logger.overrideLogger(new Logger());
  });

  it('goes from checkout to paid, failed, recovered, cancelled, and the last statement gets an invoice of its own', async () => {
    const { billing, fake } = stage;
    await stage.customer('acme');
    const session = await billing.accounts.checkout('acme', { tier: 'mid', successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no', trialDays: null }, BY);
    expect(session.url).toMatch(/^http/);
    expect(await stage.tier('acme')).toBe('free');

    fake.completeCheckout(session.id);
    await stage.deliver();
    expect(await billing.states.of('acme')).toMatchObject({ tier: 'mid', standing: 'active', dunning: null, attention: [], subscription: { status: 'active', tier: 'mid', endsAt: null }, invoices: [{ status: 'paid', totalCents: '50000', paidCents: '50000' }] });
    const stripeId = await stage.stripeId('acme');

    // A month with savings: the charge waits at Stripe and is on the next invoice.
    stage.advance(20 * DAY);
    await stage.statement('acme', '2025-12', { vbp: 12_345, credit: -345 });
    expect(await billing.sender.drain()).toBe(2);
    expect(fake.itemsOf(stripeId).map(({ amount, metadata, invoice }) => ({ amount, hash: metadata['statementHash'], invoice }))).toEqual([{ amount: -345, hash: 'ab'.repeat(32), invoice: null }, { amount: 12_345, hash: 'ab'.repeat(32), invoice: null }]);
    expect(await billing.sender.drain()).toBe(0);
    stage.advance(12 * DAY);
    await stage.deliver();
    expect((await billing.states.of('acme')).invoices[0]).toMatchObject({ status: 'paid', totalCents: '62000' });

    // The bank says no: the tier stays for a time, and a person can read for how long.
    fake.setCard(stripeId, 'declines');
    stage.advance(27 * DAY + 2 * HOUR);
    await stage.deliver();
    const failed = await billing.states.of('acme');
    expect(failed).toMatchObject({ tier: 'mid', standing: 'past_due', invoices: [{ status: 'open', totalCents: '50000' }, {}, {}] });
    const since = Date.parse(failed.dunning!.since);
    expect(failed.dunning).toEqual({ since: '2026-03-01T01:00:00.000Z', graceFrom: new Date(since + 7 * DAY * 1_000).toISOString(), freeFrom: new Date(since + 14 * DAY * 1_000).toISOString() });
    stage.advance(7 * DAY);
    await billing.projector.passTime();
    expect(await billing.states.of('acme')).toMatchObject({ tier: 'mid', standing: 'grace' });
    stage.advance(7 * DAY);
    await billing.projector.passTime();
    expect(await billing.states.of('acme')).toMatchObject({ tier: 'free', standing: 'lapsed' });

    // Somebody pays on Stripe's page.
    fake.payByHand(failed.invoices[0]!.id);
    await stage.deliver();
    expect(await billing.states.of('acme')).toMatchObject({ tier: 'mid', standing: 'active', dunning: null });

    await billing.accounts.cancel('acme', 'period_end', BY);
    expect(await billing.states.of('acme')).toMatchObject({ tier: 'mid', standing: 'active', subscription: { endsAt: '2026-04-01T00:00:00.000Z' } });
    stage.advance(20 * DAY);
    await stage.deliver();
    expect(await billing.states.of('acme')).toMatchObject({ tier: 'free', standing: 'ended', subscription: { status: 'canceled' } });

    await stage.statement('acme', '2026-01', { vbp: 777 });
    expect(await billing.sender.drain()).toBe(2);
    stage.advance(2 * HOUR);
    await stage.deliver();
    expect((await billing.states.of('acme')).invoices[0]).toMatchObject({ status: 'paid', totalCents: '777' });
    expect((await billing.audit.run()).differences).toEqual([]);
    expect(await stage.query(`select outcome, count(*)::int as n from stripe_events where outcome <> 'applied' group by 1 order by 1`)).toEqual([{ outcome: 'ignored', n: expect.any(Number) as number }]);
  });
});
