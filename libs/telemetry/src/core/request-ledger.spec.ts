import { type AttemptRow, type UsageRecordRow } from '@apex/usage';
import fc from 'fast-check';
import { countOf } from './distribution.js';
import { MODEL_FAMILIES } from './model-family.js';
import { ADDED_BOUNDS, DURATION_BOUNDS, RequestLedger, type Traffic } from './request-ledger.js';
import { attemptRow, recordRow } from './rows.fakes.js';

const requestsOf = ({ requests }: Traffic) => [...requests.values()].flatMap((byHttpStatus) => [...byHttpStatus.values()]).reduce((a, b) => a + b);

const attempts = fc.array(
  fc
    .record({
      provider: fc.constantFrom('openai', 'groq'),
      model: fc.constantFrom('gpt-4o', 'llama-3'),
      status: fc.constantFrom('final', 'failed', 'aborted', 'interrupted'),
      http_status: fc.constantFrom(200, 429, 503, null),
      error_code: fc.constantFrom('connect_timeout', null),
      duration_ms: fc.option(fc.nat(400_000), { nil: null }),
    })
    .map((part) => attemptRow(part as Partial<AttemptRow>)),
  { maxLength: 4 },
);

const told = fc
  .record({
    rows: attempts,
    record: fc.record({
      surface: fc.constantFrom('chat.completions', 'embeddings'),
      path: fc.constantFrom('gateway', 'direct'),
      provider: fc.constantFrom('openai', 'groq', null),
      served_model: fc.oneof(fc.constant(null), fc.constantFrom('gpt-4o', 'claude-opus-4'), fc.string()),
      status: fc.constantFrom('final', 'failed', 'aborted', 'interrupted', 'denied'),
      http_status: fc.constantFrom(200, 429, 500, null),
      error_code: fc.constantFrom('overloaded', 'malformed_json', null),
      stream: fc.boolean(),
      duration_ms: fc.nat(400_000),
      first_byte_ms: fc.option(fc.nat(400_000), { nil: null }),
      prompt_tokens: fc.nat(10_000),
      completion_tokens: fc.nat(10_000),
      cost_pd: fc.nat(1_000_000_000),
      pricing: fc.constantFrom('priced', 'unpriced', 'none'),
    }),
  })
  .map(({ rows, record }) => ({ rows, record: recordRow({ ...(record as Partial<UsageRecordRow>), attempts: rows.length }) }));

describe('RequestLedger', () => {
  it('adds up what it is told', () => {
    const ledger = new RequestLedger();
    const all = fc.sample(told, 2_000);
    for (const { record, rows } of all) ledger.observe(record, rows);
    const sum = (pick: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + pick(one), 0);
    const total = <T>(series: readonly T[], pick: (one: T) => number) => series.reduce((sofar, one) => sofar + pick(one), 0);
    expect(total(ledger.traffic, requestsOf)).toBe(2_000);
    expect(total(ledger.traffic, (s) => s.promptTokens)).toBe(sum(({ record }) => record.prompt_tokens));
    expect(total(ledger.traffic, (s) => s.completionTokens)).toBe(sum(({ record }) => record.completion_tokens));
    expect(total(ledger.traffic, (s) => s.costPicodollars)).toBe(sum(({ record }) => record.cost_pd));
    expect(total(ledger.traffic, (s) => s.attempts)).toBe(sum(({ rows }) => rows.length));
    expect(total(ledger.traffic, (s) => s.unpriced)).toBe(sum(({ record }) => Number(record.pricing === 'unpriced')));
    expect(total(ledger.times, (s) => s.duration.sum)).toBe(sum(({ record }) => record.duration_ms ?? 0));
    expect(total(ledger.times, (s) => countOf(s.duration))).toBe(2_000);
    expect(total(ledger.times, (s) => countOf(s.firstByte))).toBe(sum(({ record }) => Number(record.first_byte_ms !== null)));
    expect(total([...ledger.denials.values()], (n) => n)).toBe(sum(({ record }) => Number(record.status === 'denied')));
    expect(countOf(ledger.added)).toBe(sum(({ rows }) => Number(rows.length === 1)));
    expect(total(ledger.calls, (c) => total(Object.values(c.durations), countOf))).toBe(sum(({ rows }) => rows.length));
    expect(total(ledger.calls, (c) => total([...c.results.values()], (n) => n))).toBe(sum(({ rows }) => rows.length));
    expect(total(ledger.calls, (c) => c.retries + c.fallbacks + c.hedges)).toBe(sum(({ rows }) => Math.max(0, rows.length - 1)));
    expect(ledger.traffic.length).toBeLessThanOrEqual(24);
    for (const { labels } of ledger.times) expect(MODEL_FAMILIES).toContain(labels.model_family);
  });

  it('puts a duration under the first bound that is not below it', () => {
    const ledger = new RequestLedger();
    for (const duration_ms of [-5, 0, 5, 5.1, 300_000, 300_001]) ledger.observe(recordRow({ duration_ms }), []);
    expect([...(ledger.times[0]?.duration.counts ?? [])]).toEqual([3, 1, ...Array<number>(DURATION_BOUNDS.length - 3).fill(0), 1, 1]);
  });

  it("knows a request's family and the class of its status", () => {
    const ledger = new RequestLedger();
    ledger.observe(recordRow({ served_model: 'groq/llama-3', http_status: 499 }), []);
    ledger.observe(recordRow({ served_model: null, requested_model: 'claude-opus-4', http_status: 503, stream: true }), []);
    ledger.observe(recordRow({ served_model: null, requested_model: null, http_status: null }), []);
    expect(ledger.times.map(({ labels }) => labels)).toEqual([
      { surface: 'chat.completions', model_family: 'llama', status_class: '4xx', stream: 'false' },
      { surface: 'chat.completions', model_family: 'claude-opus', status_class: '5xx', stream: 'true' },
      { surface: 'chat.completions', model_family: 'none', status_class: 'none', stream: 'false' },
    ]);
  });

  it('tells what Apex adds where one call was made, and nothing where the waiting was for another', () => {
    const ledger = new RequestLedger();
    ledger.observe(recordRow({ duration_ms: 104 }), [attemptRow({ duration_ms: 100 })]);
    ledger.observe(recordRow({ duration_ms: 5_000 }), [attemptRow({ duration_ms: 100 }), attemptRow({ duration_ms: 100 })]);
    ledger.observe(recordRow({ duration_ms: 7 }), []);
    expect(countOf(ledger.added)).toBe(1);
    expect(ledger.added.counts[ADDED_BOUNDS.indexOf(5)]).toBe(1);
    expect(ledger.added.sum).toBe(4);
  });

  it('calls it a retry where the same was asked again, and a fallback where another was', () => {
    const ledger = new RequestLedger();
    const failed = attemptRow({ status: 'failed', http_status: 503, duration_ms: 0 });
    ledger.observe(recordRow(), [failed, failed, attemptRow({ provider: 'groq', model: 'llama-3', status: 'failed', http_status: null, error_code: 'connect_timeout', duration_ms: 0 }), attemptRow({ model: 'gpt-4o' })]);
    expect(ledger.calls.map(({ provider, retries, fallbacks, results }) => [provider, retries, fallbacks, [...results]])).toEqual([
      ['openai', 1, 1, [[503, 2], [200, 1]]],
      ['groq', 0, 1, [['connect_timeout', 1]]],
    ]);
  });

  it('calls it a hedge where another was asked while the first was still at it', () => {
    const ledger = new RequestLedger();
    const slow = attemptRow({ status: 'interrupted', http_status: null, error_code: 'hedge_lost', started_at: '2026-11-23T00:00:00.000Z', duration_ms: 300 });
    ledger.observe(recordRow(), [slow, attemptRow({ provider: 'groq', started_at: '2026-11-23T00:00:00.200Z', duration_ms: 100 })]);
    ledger.observe(recordRow(), [slow, attemptRow({ provider: 'groq', started_at: '2026-11-23T00:00:00.300Z', duration_ms: 100 })]);
    expect(ledger.calls.map(({ provider, retries, fallbacks, hedges }) => [provider, retries, fallbacks, hedges])).toEqual([['openai', 0, 0, 0], ['groq', 0, 1, 1]]);
  });

  it('stays bounded whatever labels come', () => {
    const ledger = new RequestLedger();
    for (let index = 0; index < 2_000; index++) ledger.observe(recordRow({ provider: `p${index}`, served_model: `m${index}` }), [attemptRow({ provider: `p${index}` })]);
    expect([ledger.traffic.length, ledger.times.length, ledger.calls.length]).toEqual([1_025, 1, 129]);
    expect(ledger.traffic.at(-1)?.labels).toEqual({ surface: 'other', path: 'other', provider: 'other', stream: 'other' });
    expect(ledger.calls.at(-1)?.provider).toBe('other');
    const openai = new RequestLedger();
    for (let index = 0; index < 2_000; index++) openai.observe(recordRow({ http_status: index, status: 'denied', error_code: `e${index}` }), [attemptRow({ http_status: index })]);
    expect(openai.traffic[0]?.requests.get('denied')?.size).toBe(64);
    expect(openai.denials.size).toBeLessThanOrEqual(65);
    expect(openai.calls[0]?.results.size).toBeLessThanOrEqual(65);
    expect(requestsOf(openai.traffic[0]!)).toBe(2_000);
  });
});
