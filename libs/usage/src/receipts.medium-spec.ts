import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { FakeClock, firstIdAt, idTime, newId } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { closedRequest } from '../test/rows.js';
import { TemporaryHome } from '../test/temporary-home.js';
import { findBreak, type Link, receiptHash } from './core/savings/chain.js';
import { receiptInputs } from './core/savings/receipt.fakes.js';
import { computeReceipt } from './core/savings/receipt.js';
import { type Receipt, type ReceiptInputs } from './core/savings/receipt.types.js';
import { FEEDBACK_WINDOW_MS, Receipts } from './receipts.service.js';
import { SavingsQuery } from './savings-query.service.js';
import { Sealer } from './sealer.service.js';

// Real: Postgres, the journal.
describe('receipts', () => {
  let database: TestDatabase;
  let home: TemporaryHome;
  const clock = new FakeClock(Date.UTC(2026, 10, 22, 12));
  let receipts: Receipts;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    receipts = new Receipts(database.dataSource, clock);
  });
  afterAll(async () => {
    await database.drop();
    Logger.overrideLogger(new Logger());
  });
  beforeEach(() => {
    home = new TemporaryHome();
  });
  afterEach(() => home.remove());

  const someInputs = (count: number): ReceiptInputs[] => fc.sample(receiptInputs, count);
  const record = async (customerId: string, inputs: readonly ReceiptInputs[]): Promise<Receipt[]> => {
    const service = await home.open(database.dataSource);
    await service.start();
    const made = inputs.map((one) => computeReceipt(newId(), customerId, one));
    for (const receipt of made) {
      const { record: row, attempts } = closedRequest({ request_id: receipt.requestId, customer_id: customerId });
      await new Promise<void>((resolve, reject) => service.recorder.close(row, attempts, (error) => (error === undefined ? resolve() : reject(error)), receipt));
    }
    await service.flush();
    await service.stop();
    return made;
  };
  const chainOf = async (customerId: string): Promise<Link[]> => {
    const rows = await database.dataSource.query<Array<Record<string, string>>>('select seq, kind, id, content_hash, prev_hash, hash from receipt_chain where customer_id = $1 order by seq', [customerId]);
    return rows.map((row) => ({ seq: Number(row['seq']), kind: row['kind'] as Link['kind'], id: row['id']!, contentHash: row['content_hash']!, prevHash: row['prev_hash']!, hash: row['hash']! }));
  };
  const all = async (customerId: string, from = new Date(0), to = new Date(Date.UTC(2100, 0))): Promise<Receipt[]> => {
    const found: Receipt[] = [];
    for await (const view of receipts.between(customerId, from, to)) found.push(view.recorded);
    return found;
  };

  it('come out of the books as they went into the journal, whatever their text', async () => {
    const [inputs, ...more] = someInputs(40);
    const made = await record('round', [{ ...inputs!, requestedModel: 'a "model" é 😀 \\ x' }, ...more]);
    expect(await all('round')).toEqual(made);
    expect(await all('other')).toEqual([]);
    expect(await all('round', new Date(0), new Date(1))).toEqual([]);
    const [stored] = await database.dataSource.query<Array<{ arm: string; requested_model: string }>>('select arm, requested_model from receipts where request_id = $1', [made[0]!.requestId]);
    expect(stored).toEqual({ arm: inputs!.arm, requested_model: 'a "model" é 😀 \\ x' });
  });

  it('are sealed once, in one chain per customer, by any number of sealers at once', async () => {
    const [inputs, ...more] = someInputs(60);
    const a = await record('chain-a', [{ ...inputs!, requestedModel: 'a "model" é 😀 \\ x \0' }, ...more]);
    const b = await record('chain-b', someInputs(7));
    // As a journal of an older release leaves them: their hashes are worked out from what is stored.
    await database.dataSource.query(`update unsealed set content_hash = null where id = any($1)`, [a.slice(10, 20).map(({ requestId }) => requestId)]);
    const sealers = Array.from({ length: 4 }, () => new Sealer(database.dataSource));
    const later = receipts.adjust('chain-a', a[3]!.requestId, { kind: 'void', reason: 'judged_worse' }, 'test');
    await Promise.all([...sealers.map((sealer) => sealer.seal()), later]);
    await sealers[0]!.seal();
    const links = await chainOf('chain-a');
    expect(findBreak('chain-a', null, links)).toBeNull();
    expect(links.filter(({ kind }) => kind === 'receipt').map(({ id }) => id).sort()).toEqual(a.map(({ requestId }) => requestId).sort());
    expect(links.filter(({ kind }) => kind === 'adjustment')).toHaveLength(1);
    const hashes = new Map((await all('chain-a')).map((receipt) => [receipt.requestId, receiptHash(receipt)]));
    for (const { kind, id, contentHash } of links) if (kind === 'receipt') expect(contentHash).toBe(hashes.get(id));
    expect(await chainOf('chain-b')).toHaveLength(b.length);
    expect(await new Sealer(database.dataSource).seal()).toBe(0);
    expect((await receipts.find('chain-a', a[0]!.requestId))?.link?.contentHash).toBe(hashes.get(a[0]!.requestId));
  });

  it('that a transaction loses are sealed by the next one', async () => {
    const made = await record('lost', someInputs(5));
    const runner = database.dataSource.createQueryRunner();
    await runner.connect();
    // A chain that cannot be written: the sealer's transaction ends, and nothing of it stays.
    await runner.query(`alter table receipt_chain add constraint refused check (customer_id <> 'lost') not valid`);
    await expect(new Sealer(database.dataSource).seal('lost')).rejects.toThrow('refused');
    await runner.query('alter table receipt_chain drop constraint refused');
    await runner.release();
    expect(await chainOf('lost')).toEqual([]);
    expect(await new Sealer(database.dataSource).seal('lost')).toBe(made.length);
  });

  it('take each later fact once, only from their own customer, and are never changed', async () => {
    const [made] = await record('facts', [{ ...someInputs(1)[0]!, voidReason: null }]);
    const { requestId } = made!;
    const judge = { kind: 'spent', spending: { kind: 'judge', id: 'j-1', costPd: 1_000 } } as const;
    expect(await Promise.all([1, 2, 3].map(() => receipts.adjust('facts', requestId, judge, 'test')))).toEqual(expect.arrayContaining([true, false]));
    expect(await receipts.adjust('facts', requestId, { kind: 'void', reason: 'false_hit' }, 'audit')).toBe(true);
    const view = await receipts.find('facts', requestId);
    expect(view).toMatchObject({ recorded: made, current: { actualPd: made!.actualPd + 1_000, status: 'void', reason: 'false_hit' } });
    expect(view?.adjustments).toHaveLength(2);
    await expect(receipts.adjust('other', requestId, judge, 'test')).rejects.toMatchObject({ code: 'receipt_not_found' });
    expect(await receipts.find('other', requestId)).toBeNull();
    for (const table of ['receipts', 'receipt_adjustments', 'receipt_chain']) {
      if (table === 'receipt_chain') await new Sealer(database.dataSource).seal();
      await expect(database.dataSource.query(`update ${table} set customer_id = 'x'`)).rejects.toThrow('append-only');
      await expect(database.dataSource.query(`delete from ${table}`)).rejects.toThrow('append-only');
    }
  });

  it('add up to what each of them says, with what came later', async () => {
    const made = await record('sums', someInputs(50));
    await receipts.adjust('sums', made[5]!.requestId, { kind: 'spent', spending: { kind: 'shadow', id: 's', costPd: 12_345 } }, 'test');
    await receipts.adjust('sums', made[6]!.requestId, { kind: 'void', reason: 'rejected' }, 'test');
    const views: Receipt[] = [];
    for await (const view of receipts.between('sums', new Date(0), new Date(Date.UTC(2100, 0)))) views.push(view.current);
    const { total, arms, models } = await new SavingsQuery(database.dataSource, clock).summarize({ customerId: 'sums', from: new Date(0), to: new Date(Date.UTC(2100, 0)) });
    const sum = (of: readonly Receipt[], pick: (receipt: Receipt) => number): string => String(of.reduce((all, receipt) => all + BigInt(pick(receipt)), 0n));
    for (const [sums, of] of [
      [total, views],
      [arms.control, views.filter(({ inputs }) => inputs.arm === 'control')],
      ...models.map((one) => [one, views.filter(({ inputs }) => inputs.requestedModel === one.model)] as const),
    ] as const) {
      expect(sums).toMatchObject({
        receipts: of.length,
        void: of.filter(({ status }) => status === 'void').length,
        baselinePicodollars: sum(of, ({ baselinePd }) => baselinePd),
        actualPicodollars: sum(of, ({ actualPd }) => actualPd),
        savingPicodollars: sum(of, ({ savingPd }) => savingPd),
        overheadPicodollars: sum(of, ({ overheadPd }) => overheadPd),
      });
      const billable = of.filter(({ status, shares }) => status === 'billable' && shares.exact_cache !== undefined);
      expect(sums.mechanisms.exact_cache).toEqual({ receipts: billable.length, savingPicodollars: sum(billable, ({ shares }) => shares.exact_cache!) });
    }
  });

  it('can be rejected for 72 hours', async () => {
    const [early, late] = await record('feedback', someInputs(2).map((inputs) => ({ ...inputs, voidReason: null })));
    clock.advance(idTime(early!.requestId) + FEEDBACK_WINDOW_MS - clock.now());
    expect(await receipts.reject('feedback', early!.requestId, 'key k')).toBe(true);
    expect(await receipts.reject('feedback', early!.requestId, 'key k')).toBe(false);
    clock.advance(10_000);
    await expect(receipts.reject('feedback', late!.requestId, 'key k')).rejects.toMatchObject({ code: 'feedback_too_late' });
    await expect(receipts.reject('feedback', firstIdAt(1), 'key k')).rejects.toMatchObject({ code: 'receipt_not_found' });
    expect((await receipts.find('feedback', early!.requestId))?.current).toMatchObject({ status: 'void', reason: 'rejected' });
  });
});
