import { firstIdAt, newId, SystemClock } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { attemptRow, recordRow, unknownAttempt } from '../test/rows.js';
import { RecordBatch } from './adapters/record-batch.js';
import { RecordStore } from './adapters/record-store.js';
import { attemptJson, recordJson } from './core/journal-rows.js';
import { receiptJson } from './core/journal-receipt.js';
import { type ExportRow } from './core/reconciliation.js';
import { computeReceipt } from './core/savings/receipt.js';
import { type QuotedRates, type Receipt, type Step } from './core/savings/receipt.types.js';
import { type AttemptRow, type TokenUsage } from './core/usage.types.js';
import { Receipts } from './receipts.service.js';
import { SavingsQuery } from './savings-query.service.js';
import { type ReconcileInput, Reconciler } from './reconciler.service.js';

const STARTED_AT = '2026-11-20T12:00:00.000Z';

// Real: Postgres.
describe('reconciliation', () => {
  let database: TestDatabase;
  let flushes = 0;
  let reconciler: Reconciler;

  beforeAll(async () => {
    database = await createTestDatabase();
    reconciler = new Reconciler(database.dataSource, async () => void flushes++);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.empty('usage_records', 'attempts', 'usage_adjustments', 'reconciliations'));

  const price: ReconcileInput['price'] = (provider, model, usage, atMs) => {
    expect([provider, new Date(atMs).toISOString()]).toEqual(['openai', STARTED_AT]);
    return model === 'mystery' ? { pricing: 'unpriced', priceVersion: 'v2' } : { pricing: 'priced', costPicodollars: usage.promptTokens * 1_000 + usage.completionTokens * 4_000, priceVersion: 'v2' };
  };

  const reconcile = (rows: ExportRow[], more: Partial<ReconcileInput> = {}) => reconciler.reconcile({ provider: 'openai', rows, actor: 'operator:test', price, ...more });

  async function store(attempts: readonly AttemptRow[], receiptsOf: readonly Receipt[] = []): Promise<void> {
    const batch = new RecordBatch();
    for (const attempt of attempts) {
      batch.addRecord(Buffer.from(recordJson(recordRow([attempt], { request_id: attempt.request_id, started_at: STARTED_AT }))));
      batch.addAttempt(Buffer.from(attemptJson(attempt)));
      for (const receipt of receiptsOf) if (receipt.requestId === attempt.request_id) batch.addReceipt(Buffer.from(receiptJson(receipt)));
    }
    await new RecordStore((sql, parameters) => database.dataSource.query(sql, parameters), '/dev/null').store(batch, new AbortController().signal);
  }

  const usageOf = (attempt: AttemptRow): TokenUsage => ({
    promptTokens: attempt.prompt_tokens,
    cachedTokens: attempt.cached_tokens,
    cacheWriteTokens: attempt.cache_write_tokens,
    completionTokens: attempt.completion_tokens,
    reasoningTokens: attempt.reasoning_tokens,
  });
  const exported = (attempt: AttemptRow, changes: Partial<ExportRow> = {}): ExportRow => ({ attemptId: attempt.attempt_id, ...usageOf(attempt), ...changes });
  const adjustments = () =>
    database.dataSource.query<object[]>(
      'select attempt_id, request_id, customer_id, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, cost_pd, pricing, price_version from usage_adjustments order by attempt_id',
    );

  it('settles what was not known, once, and files what it did', async () => {
    const final = attemptRow({ request_id: newId() });
    const aborted = unknownAttempt({ request_id: newId(), status: 'aborted' });
    const interrupted = unknownAttempt({ request_id: newId() });
    const unbilled = unknownAttempt({ request_id: newId() });
    const unpriced = unknownAttempt({ request_id: newId(), model: 'mystery' });
    await store([final, aborted, interrupted, unbilled, unpriced]);
    const rows: ExportRow[] = [
      exported(final),
      { attemptId: aborted.attempt_id, promptTokens: 50, cachedTokens: 10, completionTokens: 7, reasoningTokens: 3 },
      { attemptId: interrupted.attempt_id.toUpperCase(), promptTokens: 8, completionTokens: 0 },
      { attemptId: unbilled.attempt_id, promptTokens: 99, completionTokens: 99, billed: false },
      { attemptId: unpriced.attempt_id, promptTokens: 5, completionTokens: 5 },
      exported(final),
    ];
    expect((await reconcile([])).counts).toMatchObject({ rows: 0, stillUnknown: 4 });
    await database.empty('reconciliations');
    const before = flushes;
    const report = await reconcile(rows);
    expect(flushes).toBe(before + 1);
    expect(report).toMatchObject({ provider: 'openai', from: null, to: null, differences: [], truncated: false });
    expect(report.counts).toEqual({ rows: 6, duplicates: 1, agreeing: 1, settled: 4, settledUnpriced: 1, alreadySettled: 0, usageDiffers: 0, unknownHere: 0, missingThere: 0, stillUnknown: 0 });

    const nothing = { cached_tokens: '0', reasoning_tokens: '0', customer_id: 'demo' };
    const settled = await adjustments();
    expect(settled).toEqual(
      [
        { ...nothing, attempt_id: aborted.attempt_id, request_id: aborted.request_id, prompt_tokens: '50', cached_tokens: '10', completion_tokens: '7', reasoning_tokens: '3', cost_pd: '78000', pricing: 'priced', price_version: 'v2' },
        { ...nothing, attempt_id: interrupted.attempt_id, request_id: interrupted.request_id, prompt_tokens: '8', completion_tokens: '0', cost_pd: '8000', pricing: 'priced', price_version: 'v2' },
        { ...nothing, attempt_id: unbilled.attempt_id, request_id: unbilled.request_id, prompt_tokens: '0', completion_tokens: '0', cost_pd: '0', pricing: 'priced', price_version: null },
        { ...nothing, attempt_id: unpriced.attempt_id, request_id: unpriced.request_id, prompt_tokens: '5', completion_tokens: '5', cost_pd: '0', pricing: 'unpriced', price_version: 'v2' },
      ].sort((a, b) => (a.attempt_id < b.attempt_id ? -1 : 1)),
    );

    const again = await reconcile(rows);
    expect(again.counts).toMatchObject({ settled: 0, alreadySettled: 4, agreeing: 1, usageDiffers: 0 });
    expect(await adjustments()).toEqual(settled);
    const filed = await database.dataSource.query<Array<{ id: string; actor: string; summary: { counts: object } }>>('select id, actor, summary from reconciliations order by id');
    expect(filed).toEqual([report, again].map(({ id, counts }) => ({ id, actor: 'operator:test', summary: { counts, differences: [], truncated: false } })));
  });

  describe('and receipts', () => {
    const RATES: QuotedRates = { input: 1_000, cacheRead: 100, cacheWrite: 1_250, output: 4_000, reasoning: 4_000, request: 0, denominator: 1, priceVersion: 'v2' };
    const usage = { promptTokens: 2_000, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 10, reasoningTokens: 0 };
    const step: Step = { mechanism: 'prompt_cache', usage: { ...usage, cachedTokens: 1_900 }, rates: RATES };
    /** Of a request whose good attempt is paid for, beside one of unknown cost. */
    const receiptOf = ({ request_id: requestId }: AttemptRow, steps: readonly Step[], arm: 'treated' | 'control' = 'treated'): Receipt =>
      computeReceipt(requestId, 'demo', {
        v: 1,
        provider: 'openai',
        requestedModel: 'gpt-4o-mini',
        servedModel: 'gpt-4o-mini',
        arm,
        cluster: requestId,
        covariates: { promptCostPd: 1, requestedModel: 'gpt-4o-mini', maxTokens: null },
        policyId: newId(),
        policyVersion: 1,
        baseline: { usage, rates: RATES },
        lengthRatioPpm: 1_000_000,
        steps,
        spent: [{ kind: 'attempt', id: newId(), costPd: 330_000 }],
        voidReason: null,
      });
    const receipts = () => new Receipts(database.dataSource, new SystemClock());
    const currentOf = async ({ request_id: id }: AttemptRow) => (await receipts().find('demo', id))?.current;
    const unsealed = () => database.dataSource.query<Array<{ id: string }>>(`select id from unsealed where kind = 'adjustment'`);

    beforeEach(() => database.empty('receipts', 'receipt_adjustments', 'unsealed'));

    it('have what an attempt turned out to cost, once, and claim that much less', async () => {
      const [acted, control, unbilled, unpriced, without] = [{}, {}, {}, { model: 'mystery' }, {}].map((more) => unknownAttempt({ request_id: newId(), status: 'aborted', ...more })) as [AttemptRow, AttemptRow, AttemptRow, AttemptRow, AttemptRow];
      const all = [acted, control, unbilled, unpriced, without];
      const told = [receiptOf(acted, [step]), receiptOf(control, [], 'control'), receiptOf(unbilled, [step]), receiptOf(unpriced, [step])];
      await store(all, told);
      const rows = all.map((attempt) => ({ ...exported(attempt), promptTokens: 500, completionTokens: 20, billed: attempt !== unbilled }));
      expect((await reconcile(rows)).counts).toMatchObject({ settled: 5, settledUnpriced: 1 });
      const costPd = 580_000;
      expect(await currentOf(acted)).toMatchObject({ baselinePd: told[0]!.baselinePd, actualPd: told[0]!.actualPd + costPd, savingPd: told[0]!.savingPd - costPd, status: 'billable' });
      // Nothing acted: what it cost is what it would have cost.
      expect(await currentOf(control)).toMatchObject({ baselinePd: 330_000 + costPd, actualPd: 330_000 + costPd, savingPd: 0 });
      expect(await currentOf(unbilled)).toEqual(told[2]);
      expect(await currentOf(unpriced)).toEqual(told[3]);
      expect(await currentOf(without)).toBeUndefined();
      expect((await receipts().find('demo', acted.request_id))?.adjustments.map(({ fact }) => fact)).toEqual([{ kind: 'spent', spending: { kind: 'attempt', id: acted.attempt_id, costPd } }]);
      expect(await unsealed()).toHaveLength(2);

      expect((await reconcile(rows)).counts).toMatchObject({ settled: 0, alreadySettled: 5 });
      expect(await unsealed()).toHaveLength(2);
      const { total } = await new SavingsQuery(database.dataSource, new SystemClock()).summarize({ customerId: 'demo', from: new Date(0) });
      expect(total.savingPicodollars).toBe(String(told[0]!.savingPd + told[2]!.savingPd + told[3]!.savingPd - costPd));
    });

    it('are told later what they were not told when it was settled', async () => {
      const attempt = unknownAttempt({ request_id: newId() });
      await store([attempt], [receiptOf(attempt, [step])]);
      const rows = [exported(attempt, { promptTokens: 500 })];
      await reconcile(rows);
      await database.empty('receipt_adjustments', 'unsealed');
      await reconcile(rows);
      expect((await receipts().find('demo', attempt.request_id))?.adjustments).toHaveLength(1);
    });

    it('hear nothing of what was not settled after all', async () => {
      const attempt = unknownAttempt({ request_id: newId() });
      await store([attempt], [receiptOf(attempt, [step])]);
      const alongside = () => Promise.reject(new Error('no audit log'));
      await expect(reconcile([exported(attempt, { promptTokens: 500 })], { alongside })).rejects.toThrow('no audit log');
      expect((await receipts().find('demo', attempt.request_id))?.adjustments).toEqual([]);
    });
  });

  it('settles once although two run at the same time', async () => {
    const attempts = Array.from({ length: 50 }, () => unknownAttempt({ request_id: newId() }));
    await store(attempts);
    const rows = attempts.map((attempt) => exported(attempt, { promptTokens: 3 }));
    const reports = await Promise.all([reconcile(rows), reconcile([...rows].reverse())]);
    expect(reports.map(({ counts }) => counts.settled).sort((a, b) => a - b)).toEqual([0, 50]);
    expect(await adjustments()).toHaveLength(50);
  });

  it('lists what differs, what we do not know and what the provider does not mention', async () => {
    const day = Date.parse(STARTED_AT);
    const idAt = (offset: number): string => firstIdAt(day + offset);
    const differing = attemptRow({ request_id: newId(), attempt_id: idAt(1) });
    const failed = attemptRow({ request_id: newId(), attempt_id: idAt(2), status: 'failed', prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0, cost_pd: 0, usage_source: 'none', pricing: 'none' });
    const unmentioned = attemptRow({ request_id: newId(), attempt_id: idAt(3) });
    const unmentionedUnknown = unknownAttempt({ request_id: newId(), attempt_id: idAt(4) });
    const unmentionedFailed = { ...failed, request_id: newId(), attempt_id: idAt(5) };
    const outside = attemptRow({ request_id: newId(), attempt_id: idAt(1_000) });
    const elsewhere = attemptRow({ request_id: newId(), attempt_id: idAt(6), provider: 'anthropic' });
    await store([differing, failed, unmentioned, unmentionedUnknown, unmentionedFailed, outside, elsewhere]);
    const stranger = newId();
    const report = await reconcile(
      [exported(differing, { completionTokens: 31 }), exported(failed, { promptTokens: 4 }), { attemptId: stranger, promptTokens: 1, completionTokens: 2 }, { attemptId: 'not-an-id', promptTokens: 1, completionTokens: 2 }, exported(elsewhere)],
      { from: new Date(day), to: new Date(day + 1_000) },
    );
    expect(report.counts).toMatchObject({ settled: 0, agreeing: 0, usageDiffers: 2, unknownHere: 3, missingThere: 1, stillUnknown: 1 });
    expect(report.differences.map(({ kind, attemptId }) => [kind, attemptId])).toEqual([
      ['usage_differs', differing.attempt_id],
      ['usage_differs', failed.attempt_id],
      ['unknown_here', stranger],
      ['unknown_here', 'not-an-id'],
      ['unknown_here', elsewhere.attempt_id],
      ['missing_there', unmentioned.attempt_id],
    ]);
    expect(report.differences[0]).toMatchObject({ ours: { ...usageOf(differing), status: 'final' }, theirs: { completionTokens: 31, billed: true } });
    expect(report.truncated).toBe(false);
  });

  it('takes a large export, bounds its list and keeps the full counts', async () => {
    const known = Array.from({ length: 5_000 }, () => attemptRow({ request_id: newId() }));
    await store(known);
    const rows = [...known.map((attempt) => exported(attempt)), ...Array.from({ length: 1_500 }, () => ({ attemptId: newId(), promptTokens: 1, completionTokens: 1 }))];
    const report = await reconcile(rows);
    expect(report.counts).toMatchObject({ agreeing: 5_000, unknownHere: 1_500 });
    expect(report.differences).toHaveLength(1_000);
    expect(report.truncated).toBe(true);
  });

  it('leaves nothing behind when a price cannot be had', async () => {
    const attempt = unknownAttempt({ request_id: newId() });
    await store([attempt]);
    const failing: ReconcileInput['price'] = () => {
      throw new Error('no catalogue');
    };
    await expect(reconcile([exported(attempt, { promptTokens: 1 })], { price: failing })).rejects.toThrow('no catalogue');
    expect(await adjustments()).toEqual([]);
    expect(await database.dataSource.query('select id from reconciliations')).toEqual([]);
  });
});
