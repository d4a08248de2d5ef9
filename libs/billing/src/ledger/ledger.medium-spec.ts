import { type EntityManager } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { type Posting } from '../core/ledger/posting.js';
import { Ledger } from './ledger.service.js';

const posting = (change: Partial<Posting> = {}): Posting => ({
  customerId: 'acme',
  kind: 'credit',
  sourceId: 'one',
  occurredAt: new Date('2026-05-01T00:00:00Z'),
  memo: 'sorry',
  lines: [
    { account: 'adjustments', amountPd: 7_000_000_000_000n },
    { account: 'customer:credit', amountPd: -7_000_000_000_000n },
  ],
  ...change,
});

// Real: Postgres.
describe('the ledger', () => {
  let db: TestDatabase;
  let ledger: Ledger;
  const post = (one: Posting): Promise<{ id: string; posted: boolean }> => db.dataSource.transaction((manager: EntityManager) => ledger.post(manager, one));
  const entries = async (customerId: string): Promise<number> => (await db.dataSource.query<Array<{ n: number }>>('select count(*)::int as n from ledger_entries where customer_id = $1', [customerId]))[0]!.n;

  beforeAll(async () => {
    db = await createTestDatabase();
    ledger = new Ledger(db.dataSource);
    await db.dataSource.query(`insert into customers (id, name) select c, c from unnest(array['acme', 'race', 'sums', 'empty', 'conflict', 'guarded']) c`);
  });
  afterAll(() => db.drop());

  it('posts once what is posted twenty times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(posting({ customerId: 'race' }))));
    expect(answers.filter(({ posted }) => posted)).toHaveLength(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(await entries('race')).toBe(1);
    expect((await ledger.balances('race')).get('customer:credit')).toBe(-7_000_000_000_000n);
  });

  it('takes the same posting in other words for the same, and one with other amounts for a conflict', async () => {
    const { id } = await post(posting({ customerId: 'conflict' }));
    const split = [{ account: 'customer:credit', amountPd: -6_999_999_999_999n }, { account: 'adjustments', amountPd: 7_000_000_000_000n }, { account: 'customer:credit', amountPd: -1n }] as const;
    await expect(post(posting({ customerId: 'conflict', lines: split, memo: 'again', occurredAt: new Date() }))).resolves.toEqual({ id, posted: false });
    const more = [{ account: 'adjustments', amountPd: 7_000_000_000_001n }, { account: 'customer:credit', amountPd: -7_000_000_000_001n }] as const;
    await expect(post(posting({ customerId: 'conflict', lines: more }))).rejects.toMatchObject({ code: 'ledger_conflict' });
    await expect(post(posting({ customerId: 'conflict', lines: [] }))).rejects.toMatchObject({ code: 'ledger_conflict' });
    await expect(post(posting({ customerId: 'conflict', kind: 'refund', lines: more }))).resolves.toMatchObject({ posted: true });
    expect(await entries('conflict')).toBe(2);
  });

  it('goes with its transaction', async () => {
    const undone = db.dataSource.transaction(async (manager) => {
      await ledger.post(manager, posting({ customerId: 'empty' }));
      throw new Error('never mind');
    });
    await expect(undone).rejects.toThrow('never mind');
    expect(await entries('empty')).toBe(0);
    await expect(post(posting({ customerId: 'empty', lines: [] }))).resolves.toMatchObject({ posted: true });
    await expect(post(posting({ customerId: 'empty', lines: [] }))).resolves.toMatchObject({ posted: false });
    expect([...(await ledger.balances('empty')).values()].every((balance) => balance === 0n)).toBe(true);
  });

  it('sums exactly what a number could not hold, up to any moment', async () => {
    const large = 123_456_789_012_345_678_901_234_567_890n;
    const at = (day: number): Date => new Date(Date.UTC(2026, 0, day));
    for (const day of [1, 2, 3]) {
      await post(posting({ customerId: 'sums', sourceId: `${day}`, occurredAt: at(day), lines: [{ account: 'cash', amountPd: large + BigInt(day) }, { account: 'customer:receivable', amountPd: -large - BigInt(day) }] }));
    }
    expect((await ledger.balances('sums')).get('cash')).toBe(large * 3n + 6n);
    expect((await ledger.balances('sums', at(2))).get('cash')).toBe(large * 2n + 3n);
    expect((await ledger.balances('sums', new Date(at(1).getTime() - 1))).get('cash')).toBe(0n);
  });

  it('lets nobody around it write an entry that does not balance, or add to one', async () => {
    const { id } = await post(posting({ customerId: 'guarded' }));
    const sql = (query: string): Promise<unknown> => db.dataSource.query(query);
    const other = '019b0000-0000-7000-8000-000000000001';
    const entry = `insert into ledger_entries (id, customer_id, kind, source_id, occurred_at, memo) values ('${other}', 'guarded', 'credit', 'two', now(), '')`;
    const lines = (entryId: string, ...amounts: readonly number[]): string =>
      `insert into ledger_lines (entry_id, account, amount_pd) values ${amounts.map((amount, index) => `('${entryId}', '${['cash', 'rounding', 'adjustments'][index]!}', ${amount})`).join(', ')}`;
    await expect(sql(`with e as (${entry} returning id) select 1; ${lines(other, 5, -4)}`)).rejects.toMatchObject({ code: '23514', message: expect.stringContaining('do not sum to zero') });
    await expect(sql(`${entry}; ${lines(other, 5)}`)).rejects.toMatchObject({ code: '23514' });
    await expect(sql(lines(id, 5, -5))).rejects.toMatchObject({ code: '23001', message: expect.stringContaining('in the transaction that posts it') });
    await expect(sql(`${entry}; insert into ledger_lines values ('${other}', 'purse', 1)`)).rejects.toMatchObject({ code: '23514' });
    expect(await entries('guarded')).toBe(1);
  });

  it.each(['ledger_entries set memo = \'other\'', 'ledger_lines set amount_pd = amount_pd + 1'])('refuses update %s', async (change) => {
    await post(posting());
    await expect(db.dataSource.query(`update ${change}`)).rejects.toMatchObject({ code: '23001', message: expect.stringContaining('append-only') });
  });

  it.each(['ledger_entries', 'ledger_lines'])('refuses DELETE and TRUNCATE of %s', async (table) => {
    await post(posting());
    await expect(db.dataSource.query(`delete from ${table}`)).rejects.toMatchObject({ code: '23001' });
    await expect(db.dataSource.query(`truncate ${table} cascade`)).rejects.toMatchObject({ code: '23001' });
  });

  it('refuses a customer that is not there', async () => {
    await expect(post(posting({ customerId: 'nobody' }))).rejects.toMatchObject({ code: '23503' });
  });
});
