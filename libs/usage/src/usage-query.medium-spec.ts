import fc from 'fast-check';
import { FakeClock, firstIdAt, newId } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { attemptRow, recordRow, unknownAttempt } from '../test/rows.js';
import { RecordBatch } from './adapters/record-batch.js';
import { RecordStore } from './adapters/record-store.js';
import { attemptJson, recordJson } from './core/journal-rows.js';
import { type Grouping, GROUPINGS, type UsageTotals } from './core/usage-summary.js';
import { type AttemptRow, type RecordStatus, type UsageRecordRow } from './core/usage.types.js';
import { UsageQuery } from './usage-query.service.js';

interface Fact {
  readonly record: UsageRecordRow;
  readonly attempts: readonly AttemptRow[];
  readonly time: number;
  readonly settled: { readonly tokens: number; readonly cost: number; readonly unpriced: boolean } | null;
}

const START = Date.UTC(2026, 9, 30);
const HOUR = 3_600_000;
let sequence = 0;

const fact = fc
  .record({
    hour: fc.integer({ min: 0, max: 96 }),
    customer: fc.constantFrom('a', 'b'),
    model: fc.constantFrom('m1', 'm2', null),
    tags: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 }),
    cohort: fc.constantFrom('gateway', 'direct'),
    tokens: fc.integer({ min: 0, max: 1e9 }),
    cost: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    status: fc.constantFrom<RecordStatus[]>('final', 'failed', 'denied', 'aborted'),
    unpriced: fc.boolean(),
    settled: fc.option(fc.record({ tokens: fc.integer({ min: 0, max: 1e6 }), cost: fc.integer({ min: 0, max: 1e15 }), unpriced: fc.boolean() })),
  })
  .map((seed): Fact => {
    const time = START + seed.hour * HOUR;
    const requestId = firstIdAt(time).slice(0, 24) + String(++sequence).padStart(12, '0');
    const head = { request_id: requestId, customer_id: seed.customer };
    const attempts =
      seed.status === 'denied'
        ? []
        : seed.status === 'aborted'
          ? [unknownAttempt(head)]
          : [attemptRow({ ...head, prompt_tokens: seed.tokens, completion_tokens: seed.tokens >> 1, cost_pd: seed.unpriced ? 0 : seed.cost, pricing: seed.unpriced ? 'unpriced' : 'priced' })];
    const record = recordRow(attempts, { ...head, tags: [...seed.tags, ...seed.tags.slice(0, 1)], cohort: seed.cohort, requested_model: seed.model, status: seed.status });
    return { record, attempts, time, settled: seed.status === 'aborted' ? seed.settled : null };
  });

// Real: Postgres. Held against a fold over the same facts.
describe('the usage summary', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  async function store(facts: readonly Fact[]): Promise<void> {
    const batch = new RecordBatch();
    for (const { record, attempts } of facts) {
      batch.addRecord(Buffer.from(recordJson(record)));
      for (const attempt of attempts) batch.addAttempt(Buffer.from(attemptJson(attempt)));
    }
    await database.empty('usage_records', 'attempts', 'usage_adjustments');
    await new RecordStore((sql, parameters) => database.dataSource.query(sql, parameters), '/dev/null').store(batch, new AbortController().signal);
    for (const { record, attempts, settled } of facts) {
      if (!settled) continue;
      await database.dataSource.query('insert into usage_adjustments values ($1, $2, $3, $4, $5, $6, 0, 0, $7, 0, $8, $9)', [
        newId(), record.request_id, attempts[0]!.attempt_id, record.customer_id, newId(), settled.tokens, settled.tokens * 2, settled.unpriced ? 0 : settled.cost, settled.unpriced ? 'unpriced' : 'priced',
      ]);
    }
  }

  const keysOf: Record<Grouping, (fact: Fact) => Array<string | null>> = {
    model: ({ record }) => [record.requested_model],
    day: ({ time }) => [new Date(time).toISOString().slice(0, 10)],
    key: ({ record }) => [record.key_id],
    cohort: ({ record }) => [record.cohort],
    tag: ({ record }) => (record.tags.length > 0 ? [...new Set(record.tags)] : [null]),
  };

  function fold(facts: readonly Fact[]): UsageTotals {
    const sum = (pick: (fact: Fact) => number): number => facts.reduce((total, one) => total + pick(one), 0);
    const byStatus = { final: 0, failed: 0, denied: 0, aborted: 0, interrupted: 0 };
    for (const { record } of facts) byStatus[record.status] += 1;
    return {
      requests: facts.length,
      promptTokens: sum(({ record, settled }) => record.prompt_tokens + (settled?.tokens ?? 0)),
      cachedTokens: sum(({ record }) => record.cached_tokens),
      cacheWriteTokens: sum(({ record }) => record.cache_write_tokens),
      completionTokens: sum(({ record, settled }) => record.completion_tokens + (settled?.tokens ?? 0) * 2),
      reasoningTokens: sum(({ record }) => record.reasoning_tokens),
      costPicodollars: facts.reduce((total, { record, settled }) => total + BigInt(record.cost_pd) + BigInt(settled && !settled.unpriced ? settled.cost : 0), 0n).toString(),
      byStatus,
      unpriced: facts.filter(({ record, settled }) => record.pricing === 'unpriced' || settled?.unpriced).length,
      unknownAttempts: facts.filter(({ record, settled }) => record.status === 'aborted' && !settled).length,
    };
  }

  it('equals a fold over the records, by every grouping, for one customer and for all', async () => {
    const query = new UsageQuery(database.dataSource, new FakeClock());
    await fc.assert(
      fc.asyncProperty(fc.array(fact, { maxLength: 30 }), fc.integer({ min: 0, max: 48 }), fc.integer({ min: 0, max: 60 }), fc.constantFrom('a', null), async (facts, begin, length, customerId) => {
        await store(facts);
        const [from, to] = [START + begin * HOUR, START + (begin + length) * HOUR];
        const inside = facts.filter(({ time, record }) => time >= from && time < to && (customerId === null || record.customer_id === customerId));
        for (const groupBy of GROUPINGS) {
          const summary = await query.summarize({ customerId, from: new Date(from), to: new Date(to), groupBy });
          const keys = [...new Set(inside.flatMap(keysOf[groupBy]))];
          const groups = keys.map((key) => ({ key, ...fold(inside.filter((one) => keysOf[groupBy](one).includes(key))) }));
          expect(summary).toMatchObject({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), total: fold(inside), truncated: false });
          const order = (a: { key: string | null }, b: { key: string | null }): number => String(a.key).localeCompare(String(b.key));
          expect([...summary.groups].sort(order)).toEqual(groups.sort(order));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('covers the last 30 days when no period is given', async () => {
    await store([]);
    const clock = new FakeClock(Date.UTC(2026, 10, 22));
    expect(await new UsageQuery(database.dataSource, clock).summarize({ customerId: null, groupBy: 'day' })).toMatchObject({
      from: '2026-10-23T00:00:00.000Z',
      to: '2026-11-22T00:00:00.000Z',
      total: { requests: 0, costPicodollars: '0', byStatus: { final: 0 } },
      groups: [],
    });
  });
});
