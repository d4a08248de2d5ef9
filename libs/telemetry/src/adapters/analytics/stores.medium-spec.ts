import fc from 'fast-check';
import { firstIdAt, newId } from '@apex/common';
import { type RecordStatus, type UsageRecordRow } from '@apex/usage';
import { type OwnClickHouse, startOwnClickHouse } from '../../../../../test/support/clickhouse.js';
import { createTestDatabase, type TestDatabase, untilHorizonPasses } from '../../../../../test/support/postgres.js';
import { type Correction, idAt, insertCorrection, insertRecords } from '../../../test/books.js';
import { type Analytics, ANALYTICS_FILTERS, ANALYTICS_GROUPINGS, type AnalyticsFilter, type AnalyticsGrouping, type AnalyticsQuery, type AnalyticsSums, INTERVAL_MS, type Interval, type Latency } from '../../core/analytics/analytics.types.js';
import { recordRow } from '../../core/rows.fakes.js';
import { type TelemetryStore } from '../../ports/telemetry-store.js';
import { ClickHouseEvents } from './clickhouse-events.js';
import { ClickHouseTelemetryStore } from './clickhouse-telemetry-store.js';
import { EventSource } from './event-source.js';
import { Forwarder } from './forwarder.js';
import { PostgresTelemetryStore } from './postgres-telemetry-store.js';

// The first run on a machine fetches ClickHouse.
const FETCH_MS = 300_000;

interface Fact {
  readonly record: UsageRecordRow;
  readonly time: number;
  readonly corrections: readonly Correction[];
}

const START = Date.UTC(2026, 9, 30);
const HOUR = 3_600_000;
const LATER = START + 500 * HOUR;
/** 1,100 of it are more than a signed integer of 64 bits. */
const MOST = Number.MAX_SAFE_INTEGER;
const STATUSES = ['final', 'failed', 'denied', 'aborted', 'interrupted'] as const satisfies readonly RecordStatus[];

/** Names that mean something in SQL, in the marks of groups, or to those who sort. */
const NAMES = ['m1', 'M1', `'; DROP TABLE apex_request_events; --`, '\\', `\\'`, '*', '-', '=', '', ' ', 'é', 'e\u0301', 'ß', '模型', '🦊', '\t\n\r\u0001\u007f', '%s{x:String}?', '$1'];
const KEYS = Array.from({ length: 3 }, newId);
const name = fc.constantFrom(...NAMES);
const tokens = fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: 2 ** 40 }));

const fact = fc
  .record({
    time: fc.integer({ min: START, max: START + 96 * HOUR }),
    customer_id: fc.constantFrom('a', 'b', 'A'),
    key_id: fc.constantFrom(...KEYS),
    requested_model: fc.option(name),
    served_model: fc.option(name),
    provider: fc.option(fc.constantFrom('openai', 'anthropic')),
    surface: fc.constantFrom('chat.completions', 'messages'),
    tags: fc.array(name, { maxLength: 3 }),
    cohort: fc.constantFrom('gateway', 'direct', 'control'),
    status: fc.constantFrom(...STATUSES),
    error_code: fc.option(fc.constantFrom('client_closed', 'rate_limited')),
    prompt_tokens: tokens,
    cached_tokens: tokens,
    cache_write_tokens: tokens,
    completion_tokens: tokens,
    reasoning_tokens: tokens,
    cost_pd: fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
    pricing: fc.constantFrom('priced', 'unpriced', 'none'),
    first_byte_ms: fc.option(fc.nat(50)),
    duration_ms: fc.option(fc.nat(100)),
    stream: fc.boolean(),
    session: fc.option(name),
    corrections: fc.array(fc.record({ tokens, cost: fc.nat(1_000_000), unpriced: fc.boolean() }), { maxLength: 2 }),
  })
  .map(({ time, corrections, ...row }): Fact => ({
    time,
    corrections,
    record: recordRow({ ...(row as Partial<UsageRecordRow>), request_id: idAt(time), attempts: corrections.length, unknown_attempts: corrections.length }),
  }));

const query = fc
  .record({
    customerId: fc.constantFrom(null, 'a', 'b', 'nobody', `a' OR '1'='1`, `a\\`),
    fromHour: fc.integer({ min: -1, max: 90 }),
    hours: fc.integer({ min: 0, max: 100 }),
    groupBy: fc.constantFrom(...ANALYTICS_GROUPINGS),
    interval: fc.constantFrom<(Interval | null)[]>(null, 'minute', 'hour', 'day'),
    limit: fc.constantFrom(1, 2, 5, 1_000),
    where: fc.record(
      { model: name, key: fc.constantFrom(...KEYS), status: fc.constantFrom(...STATUSES), cohort: fc.constantFrom('gateway', 'control', `'`), tag: name } satisfies Record<AnalyticsFilter, fc.Arbitrary<string>>,
      { requiredKeys: [] },
    ),
  })
  .map(({ fromHour, hours, ...rest }): AnalyticsQuery => ({ ...rest, from: new Date(START + fromHour * HOUR), to: new Date(START + (fromHour + hours) * HOUR) }));

const fewFilters = query.map((one) => ({ ...one, where: Object.fromEntries(Object.entries(one.where).slice(0, 1)) }));

// What is right, told a third way: a fold over the facts.
const keysOf: Readonly<Record<AnalyticsGrouping, (row: UsageRecordRow) => readonly (string | null)[]>> = {
  none: () => [],
  model: (row) => [row.requested_model],
  servedModel: (row) => [row.served_model],
  provider: (row) => [row.provider],
  surface: (row) => [row.surface],
  customer: (row) => [row.customer_id],
  key: (row) => [row.key_id],
  cohort: (row) => [row.cohort],
  status: (row) => [row.status],
  errorCode: (row) => [row.error_code],
  tag: (row) => (row.tags.length === 0 ? [null] : [...new Set(row.tags)]),
};

const passes: Readonly<Record<AnalyticsFilter, (row: UsageRecordRow, value: string) => boolean>> = {
  model: (row, value) => row.requested_model === value,
  key: (row, value) => row.key_id === value,
  status: (row, value) => row.status === value,
  cohort: (row, value) => row.cohort === value,
  tag: (row, value) => row.tags.includes(value),
};

function latencyOf(facts: readonly Fact[], pick: (row: UsageRecordRow) => number | null): Latency | null {
  const values = facts.filter(({ record }) => record.status === 'final').flatMap(({ record }) => pick(record) ?? []).sort((a, b) => a - b);
  const at = (hundredths: number): number => values[Math.ceil((hundredths * values.length) / 100) - 1]!;
  return values.length === 0 ? null : { p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: values.at(-1)! };
}

function fold(facts: readonly Fact[]): AnalyticsSums {
  const sum = (own: (row: UsageRecordRow) => number, corrected: (one: Correction) => number): bigint =>
    facts.reduce((total, { record, corrections }) => corrections.reduce((all, one) => all + BigInt(corrected(one)), total + BigInt(own(record))), 0n);
  const count = (holds: (fact: Fact) => boolean): number => facts.filter(holds).length;
  return {
    requests: facts.length,
    byStatus: Object.fromEntries(STATUSES.map((status) => [status, count(({ record }) => record.status === status)])) as AnalyticsSums['byStatus'],
    promptTokens: Number(sum((row) => row.prompt_tokens, (one) => one.tokens)),
    cachedTokens: Number(sum((row) => row.cached_tokens, (one) => one.tokens)),
    cacheWriteTokens: Number(sum((row) => row.cache_write_tokens, () => 0)),
    completionTokens: Number(sum((row) => row.completion_tokens, (one) => one.tokens)),
    reasoningTokens: Number(sum((row) => row.reasoning_tokens, () => 0)),
    costPicodollars: sum((row) => row.cost_pd, (one) => (one.unpriced ? 0 : one.cost)).toString(),
    unpriced: count(({ record, corrections }) => record.pricing === 'unpriced' || corrections.some((one) => one.unpriced)),
    unknownAttempts: 0,
    duration: latencyOf(facts, (row) => row.duration_ms),
    firstByte: latencyOf(facts, (row) => row.first_byte_ms),
  };
}

function answerTo({ customerId, from, to, groupBy, interval, where, limit }: AnalyticsQuery, facts: readonly Fact[]): Analytics {
  const inside = facts.filter(
    ({ time, record }) => time >= from.getTime() && time < to.getTime() && (customerId === null || record.customer_id === customerId) && Object.entries(where).every(([by, value]) => passes[by as AnalyticsFilter](record, value)),
  );
  const seriesOf = (some: readonly Fact[]): AnalyticsSums & { points?: Analytics['total']['points'] } => {
    if (interval === null) return fold(some);
    const slot = ({ time }: Fact): number => Math.floor(time / INTERVAL_MS[interval]) * INTERVAL_MS[interval];
    const slots = [...new Set(some.map(slot))].sort((a, b) => a - b);
    return { ...fold(some), points: slots.map((at) => ({ at: new Date(at).toISOString(), ...fold(some.filter((one) => slot(one) === at)) })) };
  };
  const keys = [...new Set(inside.flatMap(({ record }) => keysOf[groupBy](record)))];
  const groups = keys.map((key) => ({ key, ...seriesOf(inside.filter(({ record }) => keysOf[groupBy](record).includes(key))) }));
  groups.sort((a, b) => b.requests - a.requests || Number(a.key === null) - Number(b.key === null) || Buffer.compare(Buffer.from(a.key ?? ''), Buffer.from(b.key ?? '')));
  return { from: from.toISOString(), to: to.toISOString(), groupBy, interval, total: seriesOf(inside), groups: groups.slice(0, limit), truncated: groups.length > limit };
}

// Real: Postgres, ClickHouse. Both are held against the same fold over the same facts, so each to the other as well.
describe('a telemetry store', () => {
  const facts = fc.sample(fact, { numRuns: 600, seed: 20_261_123 });
  let database: TestDatabase;
  let server: OwnClickHouse;
  let events: ClickHouseEvents;
  const stores: Partial<Record<TelemetryStore['name'], TelemetryStore>> = {};

  beforeAll(async () => {
    [database, server] = await Promise.all([createTestDatabase(), startOwnClickHouse()]);
    const large = Array.from({ length: 1_100 }, () => recordRow({ request_id: idAt(LATER), customer_id: 'large', cost_pd: MOST, prompt_tokens: MOST }));
    await insertRecords(database.dataSource, [...facts.map(({ record }) => record), ...large]);
    events = new ClickHouseEvents(await server.createDatabase());
    const forwarder = new Forwarder(new EventSource(database.dataSource, newId(), 30_000), events);
    // Half of the corrections come when the request is there already.
    for (const half of [0, 1]) {
      for (const { record, corrections } of facts) if (corrections[half] !== undefined) await insertCorrection(database.dataSource, record, corrections[half]);
      await untilHorizonPasses(database.dataSource);
      await forwarder.round(() => 97);
    }
    stores.postgres = new PostgresTelemetryStore(database.dataSource);
    stores.clickhouse = new ClickHouseTelemetryStore(events);
  }, FETCH_MS);
  afterAll(async () => {
    await Promise.all([events.close(), database.drop()]);
    await server.stop();
  });

  describe.each(['postgres', 'clickhouse'] as const)('(%s)', (which) => {
    it('answers what a fold over the records answers, to the byte and in its order', async () => {
      await fc.assert(
        fc.asyncProperty(fewFilters, async (one) => expect(await stores[which]!.analyze(one)).toEqual(answerTo(one, facts))),
        { numRuns: 120, seed: 4, examples: ANALYTICS_GROUPINGS.flatMap((groupBy): [AnalyticsQuery][] => [[{ customerId: null, from: new Date(START), to: new Date(START + 97 * HOUR), groupBy, interval: 'day', where: {}, limit: 1_000 }]]) },
      );
    });

    it('takes all filters at once, whatever is in them', async () => {
      await fc.assert(
        fc.asyncProperty(query, async (one) => expect(await stores[which]!.analyze(one)).toEqual(answerTo(one, facts))),
        { numRuns: 40, seed: 5, examples: facts.slice(0, 20).map(({ record, time }): [AnalyticsQuery] => [{ customerId: record.customer_id, from: new Date(time), to: new Date(time + 1), groupBy: 'tag', interval: null, limit: 9, where: filtersOf(record) }]) },
      );
    });

    it('sums past what 64 bits hold', async () => {
      const { total } = await stores[which]!.analyze({ customerId: 'large', from: new Date(LATER), to: new Date(LATER + 1), groupBy: 'none', interval: null, where: {}, limit: 1 });
      expect(total).toMatchObject({ requests: 1_100, costPicodollars: (1_100n * BigInt(MOST)).toString(), promptTokens: 1_100 * MOST });
    });

    it('keeps its connection and its data whatever it is asked for', async () => {
      for (const value of NAMES) {
        for (const by of ANALYTICS_FILTERS) await stores[which]!.analyze({ customerId: value, from: new Date(START), to: new Date(START + HOUR), groupBy: 'model', interval: null, where: { [by]: value }, limit: 3 });
      }
      const all = await stores[which]!.analyze({ customerId: null, from: new Date(START), to: new Date(START + 97 * HOUR), groupBy: 'none', interval: null, where: {}, limit: 1 });
      expect(all.total.requests).toBe(facts.length);
    });
  });

  it('has the same boundaries for a period as the books: the time in the id', () => {
    for (const { record, time } of facts) expect(record.request_id >= firstIdAt(time) && record.request_id < firstIdAt(time + 1)).toBe(true);
  });
});

const filtersOf = (record: UsageRecordRow): AnalyticsQuery['where'] => ({
  ...(record.requested_model !== null && { model: record.requested_model }),
  key: record.key_id,
  status: record.status,
  cohort: record.cohort,
  ...(record.tags[0] !== undefined && { tag: record.tags[0] }),
});
