import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import { FAILPOINTS } from '@apex/common';
import { DAY, HOUR, type Trouble } from '../../../../test/support/stripe/stripe-fake.js';
import { BY, StripeStage } from '../../test/stripe-stage.js';

const HOOKS = fileURLToPath(new URL('../../../../test/support/typescript-hooks.mjs', import.meta.url));
const CHILD = fileURLToPath(new URL('../../test/sending-child.ts', import.meta.url));
/** Every place between two writes of sending, in its order. */
const PLACES = ['stripe.send.claimed', 'stripe.send.looked', 'stripe.send.answered', 'stripe.send.marked'];

// Real: Postgres, Stripe's SDK over HTTP, processes and their death by SIGKILL.
describe('sending charges', () => {
  let stage: StripeStage;
  let customers = 0;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    stage = await StripeStage.open();
  });
  beforeEach(() => {
    stage.billed = true;
  });
  afterAll(async () => {
    await stage.close();
    Logger.overrideLogger(new Logger());
  });

  const customer = async (): Promise<{ id: string; stripeId: string }> => {
    const id = `c${(customers += 1)}`;
    return { id, stripeId: await stage.subscribed(id) };
  };
  const amounts = (stripeId: string): number[] => stage.fake.itemsOf(stripeId).map(({ amount }) => amount);
  const rows = (id: string): Promise<{ state: string; generation: number; error: string | null }[]> => stage.query('select state, generation, last_error as error from stripe_outbox where customer_id = $1 order by label', [id]);
  /** Lets the pauses of failed attempts pass, and sends again. */
  const later = async (ms = 10 * 60_000): Promise<void> => {
    stage.clock.advance(ms);
    await stage.billing.sender.drain();
  };

  it('passes a failpoint between any two writes', async () => {
    const passed: string[] = [];
    const listen = (name: unknown): void => void passed.push(String(name));
    FAILPOINTS.subscribe(listen);
    const { id } = await customer();
    passed.length = 0;
    await stage.statement(id, '2026-01', { vbp: 100 });
    await stage.billing.sender.drain();
    FAILPOINTS.unsubscribe(listen);
    expect(passed).toEqual(PLACES);
  });

  it.each(PLACES)('killed with -9 at %s: one item, of the exact amount', async (place) => {
    const { id, stripeId } = await customer();
    await stage.statement(id, '2026-01', { vbp: 98_765, bvm: 432, credit: -99 });
    const child = spawn(process.execPath, ['--import', HOOKS, CHILD, stage.database.url, stage.fake.url], { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, APEX_FAILPOINT: place } });
    const [, signal] = (await once(child, 'exit')) as [unknown, string];
    expect(signal).toBe('SIGKILL');
    // The child went by the machine's clock, which is ahead of the stage's.
    await stage.query(`update stripe_outbox set next_attempt_at = $1 where customer_id = $2`, [new Date(stage.clock.now()), id]);
    await later();
    expect(amounts(stripeId).sort((a, b) => a - b)).toEqual([-99, 432, 98_765]);
    expect((await rows(id)).map(({ state }) => state)).toEqual(['sent', 'sent', 'sent']);
  });

  it.each<[Trouble, number]>([
    ['error-before', 1],
    ['error-after', 1],
    ['cut-before', 0],
    ['cut-after', 0],
    ['rate-limit', 0],
  ])('in trouble (%s): one item, and nobody waits for a key to be forgotten', async (trouble, generation) => {
    const { id, stripeId } = await customer();
    await stage.statement(id, '2026-01', { vbp: 4_200 });
    stage.fake.server.trouble(/invoiceitems/, trouble);
    // Of a connection that was closed the SDK makes another one, once, with the same key.
    if (trouble.startsWith('cut')) stage.fake.server.trouble(/invoiceitems/, trouble);
    await stage.billing.sender.drain();
    expect(await rows(id)).toEqual([{ state: trouble === 'rate-limit' ? 'pending' : 'unknown', generation, error: expect.any(String) as string }]);
    await later();
    expect(amounts(stripeId)).toEqual([4_200]);
    expect(await rows(id)).toEqual([{ state: 'sent', generation, error: null }]);
  });

  it('looks a second time where the second answer was lost too', async () => {
    const { id, stripeId } = await customer();
    await stage.statement(id, '2026-01', { vbp: 4_300 });
    for (const trouble of ['error-before', 'error-after'] as const) stage.fake.server.trouble(/invoiceitems/, trouble);
    await stage.billing.sender.drain();
    await later();
    await later();
    expect([amounts(stripeId), await rows(id)]).toEqual([[4_300], [{ state: 'sent', generation: 2, error: null }]]);
  });

  it('with Stripe away for an hour: everything arrives afterwards, once', async () => {
    const two = [await customer(), await customer()];
    await stage.fake.server.close();
    for (const { id } of two) await stage.statement(id, '2026-01', { vbp: 1_000, passthrough: 2_000 });
    for (let minutes = 0; minutes < 60; minutes += 5) await later(5 * 60_000);
    expect(two.map(({ stripeId }) => amounts(stripeId))).toEqual([[], []]);
    await stage.fake.server.listen();
    await later(5 * 60_000);
    await later(5 * 60_000);
    expect(two.map(({ stripeId }) => amounts(stripeId).sort())).toEqual([[1_000, 2_000], [1_000, 2_000]]);
  });

  it('by several processes at once: each item once', async () => {
    const { id, stripeId } = await customer();
    await stage.statement(id, '2026-01', { vbp: 1, passthrough: 2, bvm: 3 });
    await Promise.all([stage.billing, stage.open(), stage.open()].map((billing) => billing.sender.drain()));
    expect(amounts(stripeId).sort()).toEqual([1, 2, 3]);
  });

  it('sends nothing while billing is off, and everything when it is turned on', async () => {
    const { id, stripeId } = await customer();
    stage.billed = false;
    await stage.statement(id, '2026-01', { vbp: 5_000 });
    await later();
    expect(amounts(stripeId)).toEqual([]);
    expect((await stage.billing.states.of(id)).charges).toMatchObject([{ amountCents: '5000', state: 'pending' }]);
    await expect(stage.billing.accounts.changeTier(id, 'early', BY)).rejects.toMatchObject({ code: 'billing_disabled' });
    stage.billed = true;
    await later();
    expect(amounts(stripeId)).toEqual([5_000]);
  });

  it('lets go what an operator waives, and says so in the ledger', async () => {
    const { id, stripeId } = await customer();
    stage.billed = false;
    const [charge] = await stage.statement(id, '2026-01', { vbp: 5_000 });
    await later();
    await stage.billing.accounts.waive(id, charge!, BY);
    await stage.billing.accounts.waive(id, charge!, BY);
    stage.billed = true;
    await later();
    expect(amounts(stripeId)).toEqual([]);
    expect(await stage.query(`select l.account, l.amount_pd from ledger_entries e join ledger_lines l on l.entry_id = e.id where e.customer_id = $1 and e.kind = 'adjustment' order by 1`, [id])).toEqual([
      { account: 'adjustments', amount_pd: '50000000000000' },
      { account: 'customer:receivable', amount_pd: '-50000000000000' },
    ]);
    const [sent] = await stage.statement(id, '2026-02', { vbp: 60 });
    await later();
    await expect(stage.billing.accounts.waive(id, sent!, BY)).rejects.toMatchObject({ code: 'charge_is_sent' });
  });

  it('waits for a customer\'s account at Stripe', async () => {
    await stage.customer('early-bird', 'early');
    await stage.statement('early-bird', '2026-01', { vbp: 5_000 });
    await later();
    expect(await rows('early-bird')).toEqual([{ state: 'pending', generation: 0, error: 'the customer has no account at Stripe yet' }]);
    const session = await stage.billing.accounts.checkout('early-bird', { tier: 'early', successUrl: 'https://a.test', cancelUrl: 'https://a.test', trialDays: null }, BY);
    stage.fake.completeCheckout(session.id);
    await stage.deliver();
    await stage.billing.sender.drain();
    expect(amounts(await stage.stripeId('early-bird'))).toEqual([5_000]);
  });

  it('asks for what is on a draft, though the subscription ends before it is finalised', async () => {
    const { id, stripeId } = await customer();
    await stage.statement(id, '2026-01', { vbp: 3_300 });
    await stage.billing.sender.drain();
    const { periodEnd } = (await stage.billing.states.of(id)).subscription!;
    stage.advance(Date.parse(periodEnd!) / 1_000 - stage.fake.now + HOUR / 2);
    await stage.deliver();
    await stage.billing.accounts.cancel(id, 'now', BY);
    await stage.deliver();
    for (let hour = 0; hour < 3; hour++) {
      stage.advance(HOUR);
      await stage.billing.sender.drain();
      await stage.deliver();
    }
    expect((await stage.billing.states.of(id)).invoices[0]).toMatchObject({ status: 'paid', totalCents: '53300', paidCents: '53300' });
    expect([amounts(stripeId), [...stage.fake.store.charges.values()].filter((one) => one.customer === stripeId).map(({ amount }) => amount)]).toEqual([[3_300], [50_000, 53_300]]);
    expect(await stage.query(`select action, reason from audit_log where target = $1 and action = 'billing.finalize'`, [`customer:${id}`])).toEqual([{ action: 'billing.finalize', reason: 'its subscription has ended' }]);
  });

  it('makes one final invoice, whatever happens to the call for it', async () => {
    const { id, stripeId } = await customer();
    await stage.billing.accounts.cancel(id, 'now', BY);
    await stage.statement(id, '2026-01', { vbp: 900 });
    await stage.statement(id, '2026-02', { vbp: 800 });
    stage.fake.server.trouble(/invoices/, 'cut-after');
    await stage.billing.sender.drain();
    await later();
    await later();
    const manual = [...stage.fake.store.invoices.values()].filter((one) => one.customer === stripeId && one.billing_reason === 'manual');
    expect(manual.map(({ lines }) => lines.map(({ amount }) => amount))).toEqual([[900, 800]]);
    // The second statement's invoice had nothing left to hold.
    expect(await stage.query(`select state from stripe_outbox where customer_id = $1 and kind = 'final_invoice' order by state`, [id])).toEqual([{ state: 'sent' }, { state: 'waived' }]);
    stage.advance(2 * HOUR);
    await stage.deliver();
    expect((await stage.billing.states.of(id)).invoices[0]).toMatchObject({ status: 'paid', totalCents: '1700' });
    stage.advance(DAY);
    await stage.billing.sender.drain();
    expect(stage.fake.itemsOf(stripeId)).toHaveLength(2);
  });
});
