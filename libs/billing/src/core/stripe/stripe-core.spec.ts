import fc from 'fast-check';
import { compareBooks, type CustomerBooks } from './books-diff.js';
import { eventSchema, isTimely, targetOf } from './events.js';
import { centsToPd, creditNotesOf, disputesOf, feeTakenBack, invoiceOf, paymentOf, refundsOf, type StripePosting } from './postings.js';
import { lookupKeyOf, modeOfKey, tierOfPrice } from './prices.js';
import { afterFailure, type FailureKind, idempotencyKey, refusalOf } from './sending.js';
import { type InvoiceSnapshot } from './snapshots.js';
import { deriveStanding, type Facts, type KnownSubscription } from './standing.js';

const DAY = 86_400_000;
const at = (day: number): Date => new Date(Date.UTC(2026, 0, 1) + day * DAY);

describe('a standing', () => {
  const subscription = (status: string, change: Partial<KnownSubscription> = {}): KnownSubscription => ({ id: 'sub_1', status, tier: 'mid', currency: 'usd', createdAt: at(0), periodStart: at(0), ...change });
  const facts = (change: Partial<Facts> = {}): Facts => ({ subscriptions: [], invoices: [], customerDeleted: false, disputed: false, amountDiffers: false, ...change });
  const unpaid = { status: 'open', attempts: 1, finalizedAt: at(10) };

  it.each<[string, Facts, number, string, string | null]>([
    ['nobody who ever subscribed', facts(), 0, 'none', null],
    ['a first payment that never came', facts({ subscriptions: [subscription('incomplete_expired')] }), 0, 'none', null],
    ['a trial', facts({ subscriptions: [subscription('trialing')] }), 0, 'trialing', 'mid'],
    ['who pays', facts({ subscriptions: [subscription('active')] }), 0, 'active', 'mid'],
    ['who has cancelled', facts({ subscriptions: [subscription('canceled')] }), 0, 'ended', 'free'],
    ['who has come back', facts({ subscriptions: [subscription('canceled'), subscription('active', { id: 'sub_2', tier: 'early' })] }), 0, 'active', 'early'],
    ['a failed payment', facts({ subscriptions: [subscription('past_due')], invoices: [unpaid] }), 16.9, 'past_due', 'mid'],
    ['a failed payment, a week later', facts({ subscriptions: [subscription('past_due')], invoices: [unpaid] }), 17, 'grace', 'mid'],
    ['a failed payment, two weeks later', facts({ subscriptions: [subscription('past_due')], invoices: [unpaid] }), 24, 'lapsed', 'free'],
    ['a trial that ended without a card', facts({ subscriptions: [subscription('paused')] }), 0, 'lapsed', 'free'],
    ['a status that is not invented yet', facts({ subscriptions: [subscription('pondering')] }), 0, 'lapsed', 'free'],
  ])('of %s', (_who, known, day, standing, tier) => {
    expect(deriveStanding(known, at(day).getTime())).toMatchObject({ standing, tier });
  });

  it('does not depend on the order of the facts, and time alone only takes away', () => {
    const subscriptions = fc.array(fc.record({ id: fc.uuid(), status: fc.constantFrom('active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete', 'canceled', 'incomplete_expired'), tier: fc.constantFrom('early', 'mid', null), currency: fc.constantFrom('usd', 'eur'), createdAt: fc.integer({ min: 0, max: 30 }).map(at), periodStart: fc.constant(at(0)) }), { maxLength: 5 });
    const invoices = fc.array(fc.record({ status: fc.constantFrom('open', 'uncollectible', 'paid'), attempts: fc.nat(3), finalizedAt: fc.integer({ min: 0, max: 30 }).map(at) }), { maxLength: 4 });
    const tiers = [null, 'free', 'early', 'mid'];
    fc.assert(
      fc.property(subscriptions, invoices, fc.integer({ min: 0, max: 60 }), fc.nat(60), (subs, owed, day, more) => {
        const now = deriveStanding(facts({ subscriptions: subs, invoices: owed }), at(day).getTime());
        expect(deriveStanding(facts({ subscriptions: [...subs].reverse(), invoices: [...owed].reverse() }), at(day).getTime())).toEqual(now);
        const later = deriveStanding(facts({ subscriptions: subs, invoices: owed }), at(day + more).getTime());
        if (now.tier !== null) expect(tiers.indexOf(later.tier)).toBeLessThanOrEqual(tiers.indexOf(now.tier));
      }),
      { seed: 7 },
    );
  });
});

describe('sending', () => {
  const KINDS: FailureKind[] = ['unreachable', 'server_error', 'key_conflict', 'key_in_use', 'rate_limited', 'unauthorized', 'declined', 'missing', 'invalid'];

  it('never gives up what may have arrived, and changes the key exactly where its answer is known and useless', () => {
    const steps = KINDS.map((kind) => [kind, afterFailure(kind, { attempts: 1, generation: 3 })] as const);
    expect(steps.filter(([, { generation }]) => generation === 4).map(([kind]) => kind)).toEqual(['server_error', 'key_conflict']);
    expect(steps.filter(([, { state }]) => state === 'unknown').map(([kind]) => kind)).toEqual(['unreachable', 'server_error', 'key_conflict', 'key_in_use']);
    expect(steps.filter(([, { state }]) => state === 'refused').map(([kind]) => kind)).toEqual(['declined', 'missing', 'invalid']);
  });

  it('waits longer and longer, and never longer than five minutes', () => {
    const pauses = [1, 2, 3, 10, 1_000].map((attempts) => afterFailure('unreachable', { attempts, generation: 0 }).delayMs);
    expect(pauses).toEqual([4_000, 8_000, 16_000, 300_000, 300_000]);
  });

  it('names a charge by customer and period, and each generation anew', () => {
    const row = { label: 'vbp', customerId: 'acme', periodStart: at(0) };
    expect([0, 1, 2].map((generation) => idempotencyKey({ ...row, generation }))).toEqual(['vbp:acme:2026-01-01', 'vbp:acme:2026-01-01:2', 'vbp:acme:2026-01-01:3']);
  });

  it.each<[bigint, string, bigint, string | null]>([
    [100n, 'usd', 100n, null],
    [-100n, 'usd', -100n, null],
    [49n, 'usd', 50_049n, null],
    [50n, 'usd', 50n, null],
    [49n, 'usd', 49n, 'under_minimum_charge'],
    [100n, 'usd', 20n, 'under_minimum_charge'],
    [0n, 'usd', 100n, 'nothing_to_charge'],
    [100n, 'eur', 100n, 'currency_not_usd'],
  ])('of %i cents %s on an invoice of %i: %s', (amountCents, currency, invoiceCents, refusal) => {
    expect(refusalOf({ amountCents, currency, invoiceCents })).toBe(refusal);
  });
});

describe('postings', () => {
  const invoice: InvoiceSnapshot = { id: 'in_1', customer: 'cus_1', subscription: null, number: 'A-1', status: 'paid', currency: 'usd', totalCents: 0, dueCents: 0, paidCents: 0, attempts: 1, nextPaymentAttempt: null, url: null, pdf: null, problem: null, items: [], feeCents: 0, chargedCents: 0, balanceCents: 0, creditedCents: 0, createdAt: at(0), finalizedAt: at(0), paidAt: at(1), voidedAt: null, outboxId: null };
  const amount = fc.integer({ min: 0, max: 10_000_000 });
  const sum = (postings: readonly StripePosting[]): bigint => postings.flatMap(({ lines }) => lines).reduce((all, { amountPd }) => all + amountPd, 0n);
  const on = (postings: readonly StripePosting[], account: string): bigint => postings.flatMap(({ lines }) => lines).filter((line) => line.account === account).reduce((all, { amountPd }) => all + amountPd, 0n);
  const present = (one: StripePosting | null): StripePosting[] => (one === null ? [] : [one]);

  it('sum to nothing, whatever the amounts', () => {
    fc.assert(
      fc.property(amount, amount, amount, fc.constantFrom('issued', 'void'), (paid, rest, refunded, status) => {
        const note = { id: 'cn_1', customer: 'cus_1', invoice: 'in_1', status, currency: 'usd', amountCents: rest + refunded + 3, prePaymentCents: rest, refundedCents: refunded, outOfBandCents: 3, createdAt: at(0) };
        expect(sum([...present(paymentOf({ ...invoice, paidCents: paid })), ...creditNotesOf(note)])).toBe(0n);
      }),
      { seed: 7 },
    );
  });

  it('of an invoice and what becomes of it leave nothing on the receivable, and on the balance what Stripe says', () => {
    const signed = fc.integer({ min: -10_000_000, max: 10_000_000 });
    fc.assert(
      fc.property(signed, amount, signed, signed, fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom('paid', 'void'), (feeCents, chargedCents, byHand, before, share, status) => {
        const totalCents = feeCents + chargedCents + byHand;
        // Stripe's own rule: what is left below zero goes on the balance, and what is on it is used first.
        const dueCents = Math.max(0, totalCents + before);
        const balanceCents = totalCents - dueCents;
        const creditedCents = Math.floor(dueCents * share);
        const one: InvoiceSnapshot = { ...invoice, status, totalCents, feeCents, chargedCents, balanceCents, creditedCents, paidCents: dueCents - creditedCents, voidedAt: at(2) };
        const note = { id: 'cn_1', customer: 'cus_1', invoice: 'in_1', status: 'issued', currency: 'usd', amountCents: creditedCents, prePaymentCents: creditedCents, refundedCents: 0, outOfBandCents: 0, createdAt: at(1) };
        const all = [...invoiceOf(one), ...creditNotesOf(note), ...present(paymentOf(one))];
        expect(sum(all)).toBe(0n);
        // The statement has put our charges there.
        const cents = (account: string): bigint => on(all, account) / centsToPd(1);
        expect(cents('customer:receivable') + BigInt(chargedCents)).toBe(0n);
        expect(cents('customer:balance')).toBe(status === 'void' ? 0n : BigInt(balanceCents));
        expect(cents('revenue:platform')).toBe(status === 'void' ? 0n : BigInt(-feeCents));
        expect(cents('cash')).toBe(status === 'void' ? 0n : BigInt(dueCents - creditedCents));
      }),
      { seed: 7 },
    );
    expect(invoiceOf({ ...invoice, totalCents: 500, finalizedAt: null })).toEqual([]);
  });

  it('of a fee that the subscription asks for take all of it out of the statement', () => {
    const taken = feeTakenBack({ id: 's', feePd: 1_234_567_890_123n, feeCents: 123n, at: at(0) });
    expect([sum([taken]), on([taken], 'customer:receivable'), on([taken], 'revenue:platform')]).toEqual([0n, -1_230_000_000_000n, 1_234_567_890_123n]);
  });

  it('of a refund with its credit note take the money once, and what was undone leaves nothing', () => {
    const refund = { id: 're_1', customer: 'cus_1', status: 'succeeded', currency: 'usd', amountCents: 500, createdAt: at(0) };
    const note = { id: 'cn_1', customer: 'cus_1', invoice: 'in_1', status: 'issued', currency: 'usd', amountCents: 500, prePaymentCents: 0, refundedCents: 500, outOfBandCents: 0, createdAt: at(0) };
    const both = [...refundsOf(refund), ...creditNotesOf(note)];
    expect([on(both, 'cash'), on(both, 'adjustments')]).toEqual([-5_000_000_000_000n, 5_000_000_000_000n]);
    const dispute = { id: 'du_1', customer: 'cus_1', status: 'won', currency: 'usd', amountCents: 500, createdAt: at(0) };
    for (const undone of [refundsOf({ ...refund, status: 'failed' }), disputesOf(dispute), creditNotesOf({ ...note, refundedCents: 0, status: 'void' })]) {
      expect(undone).toHaveLength(2);
      for (const account of ['cash', 'adjustments', 'customer:receivable', 'customer:balance']) expect(on(undone, account)).toBe(0n);
    }
    expect([refundsOf({ ...refund, status: 'pending' }), disputesOf({ ...dispute, status: 'warning_needs_response' }), present(paymentOf({ ...invoice, status: 'open' }))]).toEqual([[], [], []]);
  });
});

describe('prices and keys', () => {
  it('tell their tier by a lookup key that holds its amount', () => {
    const price = { lookupKey: lookupKeyOf('mid', 50_000), amountCents: 50_000, currency: 'usd' };
    expect(tierOfPrice(price)).toBe('mid');
    for (const other of [{ ...price, amountCents: 100 }, { ...price, currency: 'eur' }, { ...price, lookupKey: null }, { ...price, lookupKey: 'apex_mid' }]) expect(tierOfPrice(other)).toBeNull();
  });

  it.each([['sk_test_a1', 'test'], ['rk_live_a1', 'live'], ['pk_live_a1', null], ['sk_test_', null], ['whatever', null]])('%s is of mode %s', (key, mode) => {
    expect(modeOfKey(key)).toBe(mode);
  });
});

describe('events', () => {
  const event = (type: string, object: Record<string, unknown>) => eventSchema.parse({ id: 'evt_1', object: 'event', type, created: 1, livemode: false, data: { object } });

  it.each<[string, Record<string, unknown>, ReturnType<typeof targetOf>]>([
    ['invoice.paid', { id: 'in_1', object: 'invoice', customer: 'cus_1' }, { kind: 'invoice', id: 'in_1', customer: 'cus_1' }],
    ['customer.updated', { id: 'cus_1', object: 'customer' }, { kind: 'customer', id: 'cus_1', customer: 'cus_1' }],
    ['charge.dispute.created', { id: 'du_1', object: 'dispute' }, { kind: 'dispute', id: 'du_1', customer: null }],
    ['charge.refunded', { id: 'ch_1', object: 'charge', customer: 'cus_1' }, { kind: 'charge', id: 'ch_1', customer: 'cus_1' }],
    ['invoice.upcoming', { object: 'invoice', customer: 'cus_1' }, null],
    ['customer.source.created', { id: 'card_1', object: 'card' }, null],
    ['invoiceitem.created', { id: 'ii_1', object: 'invoiceitem' }, null],
  ])('%s', (type, object, target) => {
    expect(targetOf(event(type, object))).toEqual(target);
  });

  it.each([['t=1000,v1=a', true], ['t=700,v1=a', true], ['t=699,v1=a', false], ['t=1300,v1=a', true], ['t=1301,v1=a', false], ['v1=a', false], ['t=1000,t=1000,v1=a', false], ['t=1e3,v1=a', false], ['', false]])('a signature %j is of now: %s', (header, timely) => {
    expect(isTimely(header, 1_000_000)).toBe(timely);
  });
});

describe('books', () => {
  const books: CustomerBooks = {
    subscriptions: [{ id: 'sub_1', status: 'active', priceId: 'price_1', periodEnd: at(31) }],
    invoices: [{ id: 'in_1', status: 'paid', totalCents: 500, paidCents: 500 }],
    items: [{ id: 'ii_1', outboxId: 'o1', amountCents: 500n }],
  };
  const kinds = (ours: CustomerBooks, theirs: CustomerBooks): string[] => compareBooks(ours, theirs).map(({ kind }) => kind);
  const none: CustomerBooks = { subscriptions: [], invoices: [], items: [] };

  it('that are equal have no difference; each that is not is listed', () => {
    expect(kinds(books, books)).toEqual([]);
    expect(kinds(books, none)).toEqual(['subscription_missing_at_stripe', 'invoice_missing_at_stripe', 'item_missing_at_stripe']);
    expect(kinds(none, books)).toEqual(['subscription_missing_here', 'invoice_missing_here', 'item_unknown_here']);
    expect(kinds(books, { ...books, items: [...books.items, { ...books.items[0]!, id: 'ii_2' }] })).toEqual(['item_twice']);
    expect(kinds(books, { ...books, items: [{ ...books.items[0]!, amountCents: 501n }], invoices: [{ ...books.invoices[0]!, paidCents: 499 }] })).toEqual(['invoice_differs', 'item_differs']);
    expect(kinds({ ...books, invoices: [{ ...books.invoices[0]!, status: 'deleted' }] }, { ...books, invoices: [] })).toEqual([]);
  });
});
