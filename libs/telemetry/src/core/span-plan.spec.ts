import { type RequestTrace } from './trace-context.js';
import { beginTrace } from './begin-trace.js';
import { attemptRow, recordRow } from './rows.fakes.js';
import { planSpans } from './span-plan.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const trace: RequestTrace = { traceId: TRACE, parentSpanId: PARENT, flags: 1, state: 'rojo=1', recorded: true, passed: null };
const serverOf = (provider: string) => (provider === 'openai' ? { address: 'api.openai.com', port: 443 } : null);
const START = Date.parse('2026-11-23T00:00:00.000Z');

describe('planSpans', () => {
  it("makes a server's span of the request and, below it, a client's of each call", () => {
    const record = recordRow({ stream: true, attempts: 2, session: 'talk-7', reasoning_tokens: 4, cache_write_tokens: 3 });
    const failed = attemptRow({ attempt_id: '0199aaaa-bbbb-7ccc-9aaa-000000000002', status: 'failed', http_status: 429, error_code: 'upstream_429', usage_source: 'none', duration_ms: 20, provider_response_id: null });
    const answered = attemptRow({ attempt_id: '0199aaaa-bbbb-7ccc-9aaa-000000000003', attempt_no: 2, provider: 'gemini', model: 'gemini-2.5-flash', started_at: '2026-11-23T00:00:00.030Z', duration_ms: 1_160 });
    const [server, first, second] = planSpans({ record, attempts: [failed, answered], trace }, serverOf);
    expect(server).toEqual({
      name: 'POST /v1/chat/completions',
      kind: 'server',
      traceId: TRACE,
      spanId: '8dddeeeeffff0001',
      parentSpanId: PARENT,
      parentIsRemote: true,
      flags: 1,
      state: 'rojo=1',
      startMs: START,
      endMs: START + 1_200,
      error: null,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/chat/completions',
        'url.path': '/v1/chat/completions',
        'http.response.status_code': 200,
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o-mini',
        'gen_ai.request.stream': true,
        'gen_ai.response.model': 'gpt-4o-mini',
        'gen_ai.response.time_to_first_chunk': 0.08,
        'gen_ai.conversation.id': 'talk-7',
        'gen_ai.usage.input_tokens': 30,
        'gen_ai.usage.output_tokens': 12,
        'gen_ai.usage.cache_read.input_tokens': 10,
        'gen_ai.usage.cache_creation.input_tokens': 3,
        'gen_ai.usage.reasoning.output_tokens': 4,
        'apex.request.id': record.request_id,
        'apex.customer.id': 'demo',
        'apex.cohort': 'gateway',
        'apex.status': 'final',
        'apex.attempts': 2,
        'apex.pricing': 'priced',
        'apex.cost_picodollars': 11_700_000,
      },
    });
    expect(first).toEqual({
      name: 'chat gpt-4o-mini',
      kind: 'client',
      traceId: TRACE,
      spanId: '9aaa000000000002',
      parentSpanId: '8dddeeeeffff0001',
      parentIsRemote: false,
      flags: 1,
      state: 'rojo=1',
      startMs: START + 2,
      endMs: START + 22,
      error: 'upstream_429',
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': 429,
        'error.type': 'upstream_429',
        'server.address': 'api.openai.com',
        'server.port': 443,
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o-mini',
        'gen_ai.request.stream': true,
        'apex.attempt.id': failed.attempt_id,
        'apex.attempt.number': 1,
        'apex.status': 'failed',
        'apex.cost_picodollars': 11_700_000,
      },
    });
    expect(second).toMatchObject({
      name: 'chat gemini-2.5-flash',
      parentSpanId: '8dddeeeeffff0001',
      startMs: START + 30,
      endMs: START + 1_190,
      error: null,
      attributes: { 'http.request.resend_count': 1, 'gen_ai.provider.name': 'gcp.gemini', 'gen_ai.response.model': 'gemini-2.5-flash', 'gen_ai.response.time_to_first_chunk': 0.05, 'apex.provider.request_id': 'req_123' },
    });
    expect(second!.attributes).not.toHaveProperty('server.address');
  });

  it('has no parent where the trace begins here, and is found by the request id', () => {
    const record = recordRow({ path: 'direct', surface: 'embeddings' });
    const own = beginTrace(record.request_id, {}, { parentBased: true, ratio: 1 })!;
    const [server, client] = planSpans({ record, attempts: [attemptRow({ model: null })], trace: own }, serverOf);
    expect(server).toMatchObject({ name: 'POST /direct/v1/embeddings', traceId: record.request_id.replaceAll('-', ''), parentSpanId: null, parentIsRemote: false, state: null, attributes: { 'gen_ai.operation.name': 'embeddings' } });
    expect(client!.name).toBe('embeddings');
    expect(server!.attributes).not.toHaveProperty('gen_ai.response.time_to_first_chunk');
  });

  it.each([
    ['a client that was wrong', { status: 'failed', http_status: 400, error_code: 'upstream_400' }, null],
    ['a client that has left', { status: 'aborted', http_status: 499, error_code: 'client_closed_request' }, null],
    ['a refusal of the overloaded', { status: 'denied', http_status: 503, error_code: 'overloaded' }, 'overloaded'],
    ['a provider that was away', { status: 'failed', http_status: 502, error_code: 'connect_failed' }, 'connect_failed'],
    ['a stream that broke', { status: 'interrupted', http_status: 200, error_code: 'upstream_reset' }, 'upstream_reset'],
    ['an answer whose tokens nobody told', { status: 'interrupted', http_status: 200, error_code: 'usage_missing' }, null],
    ['an answer after an attempt of unknown cost', { status: 'interrupted', http_status: 200, error_code: null }, null],
  ] as const)("says of %s whose fault it was", (_what, part, error) => {
    const [server] = planSpans({ record: recordRow(part), attempts: [], trace }, serverOf);
    expect(server!.error).toBe(error);
    expect(server!.attributes['error.type']).toBe(error ?? undefined);
    expect(server!.attributes['apex.error.code']).toBe(part.error_code ?? undefined);
  });

  it('says of a call that was outrun that it was, and calls it no error', () => {
    const outrun = attemptRow({ status: 'interrupted', http_status: null, error_code: 'hedge_lost', usage_source: 'unknown' });
    const [server, client] = planSpans({ record: recordRow({ status: 'interrupted', error_code: null }), attempts: [outrun, attemptRow()], trace }, serverOf);
    expect([server!.error, client!.error, client!.attributes['error.type']]).toEqual([null, null, 'hedge_lost']);
  });

  it('tells no tokens that nobody knows', () => {
    const spans = planSpans({ record: recordRow({ usage_source: 'unknown', status: 'aborted' }), attempts: [attemptRow({ usage_source: 'unknown', status: 'aborted' })], trace }, serverOf);
    for (const { attributes } of spans) expect(Object.keys(attributes).filter((name) => name.includes('usage'))).toEqual([]);
  });

  it('holds no key that a caller wrote where a name belongs, and nothing of any length', () => {
    const key = `apex_${'a1'.repeat(21)}`;
    const record = recordRow({ requested_model: `sk-proj-${'b2'.repeat(20)}`, served_model: key, session: `talk ${key}`, customer_id: 'c' });
    const spans = planSpans({ record, attempts: [attemptRow({ model: `${'m'.repeat(10_000)}` })], trace }, serverOf);
    const text = JSON.stringify(spans);
    expect(text).not.toContain(key.slice(5));
    expect(text).not.toContain('b2b2');
    expect(text.length).toBeLessThan(4_000);
  });
});
