import { countOf } from './distribution.js';
import { GenAiLedger } from './genai-ledger.js';
import { OPERATION_BOUNDS, PER_TOKEN_BOUNDS, TOKEN_BOUNDS, serverAddress } from './genai.js';
import { attemptRow, recordRow } from './rows.fakes.js';

const failed = { status: 'failed', http_status: 503, error_code: 'upstream_503', usage_source: 'none' } as const;

describe('GenAiLedger', () => {
  it('counts calls and requests by how they ended, and tokens that are known', () => {
    const ledger = new GenAiLedger();
    ledger.observe(recordRow({ attempts: 2, duration_ms: 1_290 }), [attemptRow({ ...failed, duration_ms: 5 }), attemptRow({ attempt_no: 2, duration_ms: 1_280, prompt_tokens: 1_024, completion_tokens: 5 })]);
    const [before, series] = ledger.series;
    // It had not answered yet.
    expect([before!.model, [...before!.calls.keys()]]).toEqual([null, ['upstream_503']]);
    expect(series).toMatchObject({ operation: 'chat', provider: 'openai', model: 'gpt-4o-mini' });
    expect(series!.calls.get(null)!.counts[OPERATION_BOUNDS.indexOf(1_280)]).toBe(1);
    expect(series!.requests.get(null)!.counts[OPERATION_BOUNDS.indexOf(2_560)]).toBe(1);
    expect(series!.inputTokens.counts[TOKEN_BOUNDS.indexOf(1_024)]).toBe(1);
    expect(series!.outputTokens.sum).toBe(5);
    ledger.observe(recordRow(failed), [attemptRow(failed)]);
    expect([ledger.series.length, [...series!.calls.keys()], [...series!.requests.keys()]]).toEqual([2, [null, 'upstream_503'], [null, 'upstream_503']]);
    expect(countOf(series!.inputTokens)).toBe(1);
  });

  it('knows of streams when their first token came, and how fast the others followed', () => {
    const ledger = new GenAiLedger();
    ledger.observe(recordRow(), [attemptRow()]);
    const [series] = ledger.series;
    expect(countOf(series!.firstToken)).toBe(0);
    ledger.observe(recordRow({ stream: true, first_byte_ms: 200, duration_ms: 1_200, completion_tokens: 21 }), [attemptRow()]);
    expect([series!.firstToken.sum, series!.perToken.sum, series!.perToken.counts[PER_TOKEN_BOUNDS.indexOf(50)]]).toEqual([200, 50, 1]);
    ledger.observe(recordRow({ stream: true, completion_tokens: 1 }), [attemptRow()]);
    ledger.observe(recordRow({ ...failed, stream: true }), [attemptRow(failed)]);
    expect([countOf(series!.firstToken), countOf(series!.perToken)]).toEqual([2, 1]);
  });

  it('stays bounded, whatever models callers ask for and however they fail', () => {
    const ledger = new GenAiLedger();
    for (let i = 0; i < 5_000; i++) ledger.observe(recordRow({ ...failed, served_model: `no-${i}` }), [attemptRow({ ...failed, model: `no-${i}`, error_code: `e${i}` })]);
    expect(ledger.series.length).toBe(1);
    expect(ledger.series[0]!.calls.size).toBe(33);
    for (let i = 0; i < 5_000; i++) ledger.observe(recordRow({ served_model: `yes-${i}` }), [attemptRow({ model: `yes-${i}` })]);
    expect(ledger.series.length).toBe(500);
    const total = ledger.series.flatMap(({ calls }) => [...calls.values()]).reduce((sum, each) => sum + countOf(each), 0);
    expect(total).toBe(10_000);
  });

  it('leaves out what no provider was asked for', () => {
    const ledger = new GenAiLedger();
    ledger.observe(recordRow({ status: 'denied', provider: null, served_model: null, http_status: 400, attempts: 0 }), []);
    expect(ledger.series).toEqual([]);
  });
});

describe('serverAddress', () => {
  it.each([
    ['https://api.openai.com', { address: 'api.openai.com', port: 443 }],
    ['http://127.0.0.1:8081', { address: '127.0.0.1', port: 8081 }],
    ['http://[::1]', { address: '::1', port: 80 }],
    ['nothing', null],
  ])('of %s', (origin, address) => expect(serverAddress(origin)).toEqual(address));
});
