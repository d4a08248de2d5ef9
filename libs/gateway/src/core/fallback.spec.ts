import { llmConfig, llmEnvSchema, ProviderRegistry } from '@apex/llm';
import { answer, ask, createWorld, type Script } from './pipeline.fakes.js';

const env = llmEnvSchema.parse({
  OPENAI_BASE_URL: 'http://provider/v1',
  ANTHROPIC_BASE_URL: 'http://anthropic',
  APEX_PROVIDERS: '[{"name":"groq","baseUrl":"http://groq/v1"}]',
  APEX_ROUTES: '{"gpt-4o-mini":{"fallbacks":["groq/llama","claude-haiku-4-5"]}}',
});
const { providers, routes } = llmConfig(env);
const world = (scripts: Script[]) => createWorld(scripts, { providers: new ProviderRegistry(providers, routes) });

const claude = JSON.stringify({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-haiku-4-5',
  content: [{ type: 'text', text: 'from Claude' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 5, cache_creation_input_tokens: 2, cache_read_input_tokens: 3 },
});

describe('a chain of fallbacks', () => {
  it('goes on at once where the next provider may do better, also across protocols, with every attempt recorded', async () => {
    const w = world([{ failure: 'connect_failed' }, { status: 500, chunks: ['{"error":{}}'] }, { status: 200, chunks: [claude] }]);
    const reply = w.ask(ask);
    await w.settled();
    expect(w.waits).toHaveLength(0);
    expect(w.upstream.requests.map(({ origin }) => origin)).toEqual(['http://provider', 'http://groq', 'http://anthropic']);
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({ object: 'chat.completion', choices: [{ message: { content: 'from Claude' }, finish_reason: 'stop' }], usage: { prompt_tokens: 15, completion_tokens: 5 } });
    expect(reply.headers['x-apex-model']).toBe('claude-haiku-4-5');
    const [{ record, attempts }] = w.recorder.closed as [(typeof w.recorder.closed)[0]];
    expect(attempts.map(({ provider, status }) => [provider, status])).toEqual([
      ['openai', 'failed'],
      ['groq', 'failed'],
      ['anthropic', 'final'],
    ]);
    expect(record).toMatchObject({ status: 'final', provider: 'anthropic', requested_model: 'gpt-4o-mini', served_model: 'claude-haiku-4-5', prompt_tokens: 15, cached_tokens: 3, cache_write_tokens: 2, attempts: 3, pricing: 'priced' });
  });

  it('does not go on for a request that is wrong', async () => {
    const w = world([{ status: 400, chunks: ['{"error":{"message":"bad"}}'] }]);
    const reply = w.ask(ask);
    await w.settled();
    expect(w.upstream.requests).toHaveLength(1);
    expect(reply.status).toBe(400);
  });

  it('skips a provider that cannot be asked for this', async () => {
    const w = world([{ failure: 'connect_failed' }, { status: 503, chunks: ['{"error":{"message":"busy"}}'] }]);
    const reply = w.ask({ ...ask, logit_bias: { 1: 2 } });
    await w.settled();
    expect(w.upstream.requests.map(({ origin }) => origin)).toEqual(['http://provider', 'http://groq']);
    expect(reply.status).toBe(503);
  });

  it('answers once: nothing goes elsewhere after the first byte of a stream', async () => {
    const w = world([{ status: 200, headers: { 'content-type': 'text/event-stream' }, chunks: ['data: {"choices":[{"delta":{"content":"a"}}]}\n\n'], failure: 'reset' }]);
    const reply = w.ask({ ...ask, stream: true });
    await w.settled();
    expect(w.upstream.requests).toHaveLength(1);
    expect(reply.body).toContain('upstream_interrupted');
  });

  it('leaves out a target whose breaker is open', async () => {
    const w = world(Array.from({ length: 20 }, () => [{ failure: 'connect_failed' } as Script, { status: 200, chunks: [answer] }]).flat());
    for (let i = 0; i < 21; i++) {
      w.ask(ask);
      await w.settled();
    }
    expect(w.upstream.requests.filter(({ origin }) => origin === 'http://provider')).toHaveLength(20);
  });
});

describe('a request that only another protocol could carry', () => {
  it('is refused by name, without a call', async () => {
    const w = world([]);
    const reply = w.ask({ ...ask, model: 'claude-haiku-4-5', logit_bias: { 1: 2 } });
    await w.settled();
    expect(w.upstream.requests).toHaveLength(0);
    expect(reply.status).toBe(400);
    expect(reply.json.error).toMatchObject({ code: 'unsupported_by_provider', param: 'logit_bias' });
    expect(w.recorder.closed[0]!.record).toMatchObject({ status: 'denied', error_code: 'unsupported_by_provider' });
  });

  it('on the messages surface is refused in that shape', async () => {
    const w = world([]);
    const reply = w.ask({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] }, { surface: 'messages' });
    await w.settled();
    expect(reply.json).toMatchObject({ type: 'error', error: { type: 'invalid_request_error', code: 'missing_required_parameter', param: 'max_tokens' }, request_id: reply.headers['x-request-id'] });
  });
});
