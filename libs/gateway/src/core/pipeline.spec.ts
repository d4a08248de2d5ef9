import { answer, ask, createWorld, usage } from './pipeline.fakes.js';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const usageChunk = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
const done = 'data: [DONE]\n\n';
const streamed = { ...ask, stream: true };

describe('a request that is answered', () => {
  it('is journalled before the provider is called and before the answer leaves', async () => {
    const world = createWorld([{ status: 200, chunks: [answer], headers: { 'x-request-id': 'req_9', 'set-cookie': 'a=b' } }]);
    const reply = world.ask(ask);
    await world.settled();
    expect(world.log).toEqual(['journal open', 'upstream call', 'journal close', 'end']);
    expect(reply.body).toBe(answer);
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': '0199bbbb-0000-7000-8000-000000000001',
      'x-tokens-used': '1200',
      'x-apex-cohort': 'gateway',
      'x-apex-model': 'gpt-4o-mini',
      // (1000 - 512) x $0.15 + 512 x $0.075 + 200 x $0.60, per million
      'x-apex-cost-usd': '0.000231600000',
    });
    expect(reply.headers).not.toHaveProperty('set-cookie');
    expect(world.recorder.closed).toHaveLength(1);
    expect(world.recorder.closed[0]).toMatchObject({
      record: { status: 'final', cost_pd: 231_600_000, prompt_tokens: 1_000, cached_tokens: 512, completion_tokens: 200, pricing: 'priced', attempts: 1, unknown_attempts: 0, cohort: 'gateway' },
      attempts: [{ status: 'final', cost_pd: 231_600_000, provider_response_id: 'req_9', attempt_no: 1, key_owner: 'platform' }],
    });
  });

  it('sends the very bytes of the client, with the provider\'s key and the attempt\'s id', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }]);
    const body = '{ "model":"gpt-4o-mini",\n"messages":[{"role":"user","content":"\\u0041"}], "seed":9007199254740993, "x-unknown":[1.0] }';
    world.ask(body);
    await world.settled();
    const [request] = world.upstream.requests;
    expect(request!.body!.toString()).toBe(body);
    expect(request!.headers).toMatchObject({ authorization: 'Bearer sk-provider', 'x-client-request-id': world.recorder.closed[0]!.attempts[0]!.attempt_id });
  });

  it('takes a provider\'s name off the model and nothing else', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }]);
    world.ask('{"messages":[{"role":"user","content":"x"}],"seed":9007199254740993,"model":"groq/llama-3.3-70b"}');
    await world.settled();
    expect(world.upstream.requests[0]!.origin).toBe('http://groq');
    expect(world.upstream.requests[0]!.body!.toString()).toBe('{"messages":[{"role":"user","content":"x"}],"seed":9007199254740993,"model":"llama-3.3-70b"}');
  });

  it('says so when the model has no price, and bills nothing', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }]);
    const reply = world.ask({ ...ask, model: 'nobody-knows-this' });
    await world.settled();
    expect(reply.headers['x-apex-cost-usd']).toBe('unpriced');
    expect(world.recorder.closed[0]!.record).toMatchObject({ pricing: 'unpriced', cost_pd: 0, prompt_tokens: 1_000, status: 'final' });
  });

  it('counts tokens itself where the provider tells none', async () => {
    const world = createWorld([{ status: 200, chunks: ['{"id":"x","choices":[]}'] }], {
      estimateUsage: () => Promise.resolve({ promptTokens: 7, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 3, reasoningTokens: 0 }),
    });
    world.ask(ask);
    await world.settled();
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'final', usage_source: 'tokenizer', prompt_tokens: 7, completion_tokens: 3 });
  });
});

describe('a stream', () => {
  it('passes deltas on as they come, keeps the usage chunk nobody asked for, and ends after it is journalled', async () => {
    const world = createWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a'), delta('b'), usageChunk, done] }]);
    const reply = world.ask(streamed);
    await world.settled();
    expect(world.log).toEqual(['journal open', 'upstream call', 'write', 'write', 'journal close', 'end']);
    expect(reply.body).toBe(delta('a') + delta('b') + done);
    expect(world.upstream.requests[0]!.body!.toString()).toBe(`{"stream_options":{"include_usage":true},${JSON.stringify(streamed).slice(1)}`);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'final', stream: true, cost_pd: 231_600_000 });
  });

  it('leaves the usage chunk to a client that asked for it, and the body as it is', async () => {
    const world = createWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a') + usageChunk + done] }]);
    const body = { ...streamed, stream_options: { include_usage: true } };
    const reply = world.ask(body);
    await world.settled();
    expect(reply.body).toBe(delta('a') + usageChunk + done);
    expect(world.upstream.requests[0]!.body!.toString()).toBe(JSON.stringify(body));
  });

  it.each([[{ include_usage: false, other: 1 }], [null]])('asks for usage in options that do not: %j', async (options) => {
    const world = createWorld([{ status: 200, headers: EVENT_STREAM, chunks: [usageChunk + done] }]);
    world.ask({ ...streamed, stream_options: options, seed: 1 });
    await world.settled();
    expect(JSON.parse(world.upstream.requests[0]!.body!.toString())).toEqual({ ...streamed, stream_options: { ...options, include_usage: true }, seed: 1 });
  });

  it('tells tokens and cost in a comment before the end to who asked for it', async () => {
    const world = createWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a'), usageChunk + done] }]);
    const reply = world.ask(streamed, { headers: { 'x-apex-trailer': 'on' } });
    await world.settled();
    expect(reply.body).toMatch(/\n\n: apex \{"requestId":"[^"]+","status":"final","tokensUsed":1200,"costUsd":"0.000231600000","savingsUsd":"0.000000000000"\}\n\ndata: \[DONE\]\n\n$/);
  });

  it('waits for a slow reader', async () => {
    const world = createWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a')], hang: true }]);
    world.reply.slow = true;
    world.ask(streamed);
    await world.settled();
    expect(world.log.at(-1)).toBe('pause');
    world.reply.drained();
    expect(world.log.at(-1)).toBe('resume');
  });

  it('that the provider cuts ends with an error event, no [DONE], and an unknown bill', async () => {
    const world = createWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a')], failure: 'reset' }]);
    const reply = world.ask(streamed);
    await world.settled();
    expect(reply.body).toContain('"code":"upstream_interrupted"');
    expect(reply.body).not.toContain('[DONE]');
    expect(world.upstream.requests).toHaveLength(1);
    expect(world.recorder.closed[0]).toMatchObject({ record: { status: 'interrupted', unknown_attempts: 1, cost_pd: 0, usage_source: 'unknown' } });
  });

  it('that breaks before its first byte is tried again', async () => {
    const world = createWorld([
      { status: 200, headers: EVENT_STREAM, failure: 'reset' },
      { status: 200, headers: EVENT_STREAM, chunks: [delta('a') + usageChunk + done] },
    ]);
    const reply = world.ask(streamed);
    await world.settled();
    world.waits[0]!.run();
    await world.settled();
    expect(reply.body).toBe(delta('a') + done);
    // The client is served, and still the first attempt's bill is not known: the record must not claim to be exact.
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'interrupted', attempts: 2, unknown_attempts: 1, cost_pd: 231_600_000 });
  });
});

describe('a provider that fails', () => {
  it('is tried again after 429, not before retry-after, each attempt journalled', async () => {
    const world = createWorld([
      { status: 429, headers: { 'retry-after': '2' }, chunks: ['{"error":{"message":"slow down"}}'] },
      { status: 200, chunks: [answer] },
    ]);
    const reply = world.ask(ask);
    await world.settled();
    expect(reply.ended).toBe(false);
    expect(world.waits[0]!.ms).toBeGreaterThanOrEqual(2_000);
    world.waits[0]!.run();
    await world.settled();
    expect(reply.status).toBe(200);
    expect(world.recorder.opened[1]!.attempts.map((attempt) => attempt.status)).toEqual(['failed', 'interrupted']);
    expect(world.recorder.closed).toHaveLength(1);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'final', attempts: 2, unknown_attempts: 0 });
  });

  it('has its own error passed on when there is no more to try', async () => {
    const error = '{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}';
    const world = createWorld(Array.from({ length: 3 }, () => ({ status: 500, chunks: [error] })));
    const reply = world.ask(ask);
    for (let i = 0; i < 2; i++) {
      await world.settled();
      world.waits[i]!.run();
    }
    await world.settled();
    expect(reply.status).toBe(500);
    expect(reply.body).toBe(error);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'failed', http_status: 500, attempts: 3, cost_pd: 0, usage_source: 'none' });
  });

  it('is not waited for past the caller\'s deadline', async () => {
    const world = createWorld([{ status: 429, headers: { 'retry-after': '30' }, chunks: ['{"error":{}}'] }]);
    const reply = world.ask(ask, { headers: { 'x-stainless-timeout': '10' } });
    await world.settled();
    expect(world.waits).toHaveLength(0);
    expect(reply.status).toBe(429);
    expect(reply.headers['retry-after']).toBe('30');
    expect(world.upstream.requests[0]!.firstByteTimeoutMs).toBe(10_000);
  });

  it('does not show that it refused the platform\'s key', async () => {
    const world = createWorld([{ status: 401, chunks: ['{"error":{"message":"Incorrect API key provided: sk-pro****der"}}'] }]);
    const reply = world.ask(ask);
    await world.settled();
    expect(reply.status).toBe(502);
    expect(reply.json.error!.code).toBe('upstream_auth_failed');
    expect(reply.body).not.toContain('sk-pro');
  });

  it('shows the customer that it refused the customer\'s own key', async () => {
    const world = createWorld([{ status: 401, chunks: ['{"error":{"message":"Incorrect API key"}}'] }], { keyOwner: 'customer' });
    const reply = world.ask(ask);
    await world.settled();
    expect(reply.status).toBe(401);
    // Before the call as after it: whose key it was does not hang on how it ends.
    for (const { attempts } of [world.recorder.opened[0]!, world.recorder.closed[0]!]) expect(attempts).toMatchObject([{ key_owner: 'customer' }]);
  });

  it.each([
    ['connect_failed', 502, 'upstream_unreachable', 'failed'],
    ['first_byte_timeout', 504, 'upstream_timeout', 'interrupted'],
    ['reset', 502, 'upstream_interrupted', 'interrupted'],
  ] as const)('gives %s as %i %s and records it %s', async (failure, status, code, recorded) => {
    const world = createWorld([{ failure }], { limits: { maxAttempts: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1, maxResponseBytes: 1 } });
    const reply = world.ask(ask);
    await world.settled();
    expect([reply.status, reply.json.error!.code]).toEqual([status, code]);
    expect(world.recorder.closed[0]!.record.status).toBe(recorded);
  });

  it.each([
    ['broken JSON', { status: 200, chunks: ['{"id":'] }, 'upstream_malformed_response'],
    ['a redirect', { status: 302, chunks: [] }, 'upstream_malformed_response'],
    ['more than is passed on', { status: 200, chunks: ['x'.repeat(2_000_000)] }, 'upstream_response_too_large'],
  ])('that sends %s is a 502', async (_, script, code) => {
    const world = createWorld([script]);
    const reply = world.ask(ask);
    await world.settled();
    expect([reply.status, reply.json.error!.code]).toEqual([502, code]);
  });

  it('that answers with a page instead of an error gets one made for it', async () => {
    const world = createWorld([{ status: 404, headers: { 'content-type': 'text/html' }, chunks: ['<html>'] }]);
    const reply = world.ask(ask);
    await world.settled();
    expect([reply.status, reply.json.error!.code]).toEqual([404, 'upstream_error']);
  });
});

describe('a client that leaves', () => {
  it('while the provider answers: the call is cancelled and recorded as aborted', async () => {
    const world = createWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a')], hang: true }]);
    const reply = world.ask(streamed);
    await world.settled();
    reply.hangUp();
    await world.settled();
    expect(world.upstream.aborted).toBe(1);
    expect(world.recorder.closed).toHaveLength(1);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'aborted', http_status: 499, unknown_attempts: 1, cost_pd: 0 });
  });

  it('between two attempts: there is no further one, and the bill is known to be nothing', async () => {
    const world = createWorld([{ status: 503, chunks: ['{"error":{}}'] }]);
    const reply = world.ask(ask);
    await world.settled();
    reply.hangUp();
    await world.settled();
    expect(world.waits).toHaveLength(0);
    expect(world.upstream.requests).toHaveLength(1);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'aborted', unknown_attempts: 0 });
  });

  it('before the provider was called: it is not called', async () => {
    const world = createWorld();
    world.ask(ask).hangUp();
    await world.settled();
    expect(world.upstream.requests).toHaveLength(0);
    expect(world.recorder.closed[0]).toMatchObject({ record: { status: 'aborted', unknown_attempts: 0 }, attempts: [{ status: 'failed', error_code: 'not_sent' }] });
  });
});

describe('what cannot be recorded is not served', () => {
  it('no upstream call without an open', async () => {
    const world = createWorld();
    world.recorder.failing = 'open';
    const reply = world.ask(ask);
    await world.settled();
    expect(world.upstream.requests).toHaveLength(0);
    expect([reply.status, reply.json.error!.code]).toEqual([503, 'recording_unavailable']);
  });

  it('no answer without a close', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }]);
    world.recorder.failing = 'close';
    const reply = world.ask(ask);
    await world.settled();
    expect([reply.status, reply.json.error!.code]).toEqual([503, 'recording_unavailable']);
    expect(reply.body).not.toContain('hi');
  });
});

describe('a defect in answering', () => {
  it('ends the request as an internal error, and is told', async () => {
    const defects: unknown[] = [];
    const world = createWorld([{ status: 200, chunks: [answer] }], { onDefect: (error) => defects.push(error) });
    const reply = world.ask(ask);
    const send = reply.send.bind(reply);
    let calls = 0;
    reply.send = (...args) => {
      if (calls++ === 0) throw new TypeError('no such header');
      send(...args);
    };
    await world.pipeline.drain();
    expect(reply.status).toBe(500);
    expect(reply.json.error?.code).toBe('internal_error');
    expect(defects).toHaveLength(1);
    expect(world.recorder.closed).toHaveLength(1);
  });

  it('does not come from a model\'s name, whatever it holds', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }]);
    const reply = world.ask({ ...ask, model: 'mod\u00e8le \ud83d\ude80' });
    await world.settled();
    expect(reply.headers['x-apex-model']).toBe('mod%C3%A8le%20%F0%9F%9A%80');
    expect(world.recorder.closed[0]!.record).toMatchObject({ requested_model: 'mod\u00e8le \ud83d\ude80', status: 'final' });
  });
});

describe('refusals', () => {
  it.each([
    ['malformed JSON', '{"model":', 400, 'malformed_json', null],
    ['an array', '[]', 400, 'invalid_body', null],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, 'invalid_utf8', null],
    ['no model', { messages: [] }, 400, 'missing_required_parameter', 'model'],
    ['a model that is a number', { ...ask, model: 1 }, 400, 'invalid_type', 'model'],
    ['no messages', { model: 'm' }, 400, 'missing_required_parameter', 'messages'],
    ['empty messages', { model: 'm', messages: [] }, 400, 'invalid_value', 'messages'],
    ['a message that is text', { model: 'm', messages: ['x'] }, 400, 'invalid_type', 'messages[0]'],
    ['a message without a role', { model: 'm', messages: [{ content: 'x' }] }, 400, 'missing_required_parameter', 'messages[0].role'],
    ['stream that is text', { ...ask, stream: 'yes' }, 400, 'invalid_type', 'stream'],
    ['stream_options without stream', { ...ask, stream_options: {} }, 400, 'invalid_value', 'stream_options'],
    ['n of 0', { ...ask, n: 0 }, 400, 'invalid_value', 'n'],
    ['half a token', { ...ask, max_tokens: 0.5 }, 400, 'invalid_value', 'max_tokens'],
    ['a member given twice', '{"model":"a","messages":[{"role":"user"}],"model":"b"}', 400, 'duplicate_parameter', 'model'],
  ])('%s: %s %s', async (_, body, status, code, param) => {
    const world = createWorld();
    const reply = world.ask(body);
    await world.settled();
    expect(reply.status).toBe(status);
    expect(reply.json.error).toMatchObject({ code, param, type: 'invalid_request_error' });
    expect(world.upstream.requests).toHaveLength(0);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'denied', error_code: code, http_status: status, attempts: 0 });
  });

  it.each([
    ['x-apex-tags', 'a'.repeat(65), 'invalid_header'],
    ['x-apex-session', 's'.repeat(257), 'invalid_header'],
    ['content-encoding', 'gzip', 'unsupported_media_type'],
    ['content-type', 'text/plain', 'unsupported_media_type'],
  ])('of a bad %s are recorded', async (name, value, code) => {
    const world = createWorld();
    const reply = world.ask(ask, { headers: { [name]: value } });
    await world.settled();
    expect(reply.json.error!.code).toBe(code);
    expect(world.recorder.closed).toHaveLength(1);
  });

  it('of strangers are not recorded, and their body is not read', async () => {
    const world = createWorld();
    const reply = world.ask(ask, { headers: { authorization: 'Bearer apex_bad' } });
    await world.settled();
    expect([reply.status, reply.json.error!.code]).toEqual([401, 'invalid_api_key']);
    expect(world.recorder.closed).toHaveLength(0);
    expect(world.log).toEqual(['discard', 'end']);
  });

  it('of a customer without any key of the provider', async () => {
    const world = createWorld([], { keyOwner: null });
    const reply = world.ask(ask);
    await world.settled();
    expect([reply.status, reply.json.error!.code]).toEqual([403, 'no_provider_key']);
  });

  it('of a body that is too large, and of a client that left while sending it, are recorded', async () => {
    for (const [outcome, code] of [[{ kind: 'too_large', limit: 5 }, 'request_too_large'], [{ kind: 'gone' }, 'client_closed_request']] as const) {
      const world = createWorld();
      world.ask(ask, { outcome });
      await world.settled();
      expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'denied', error_code: code });
    }
  });

  it('sheds what is over the limit before reading it, and drains', async () => {
    const world = createWorld([], { maxInFlight: 0 });
    const reply = world.ask(ask);
    await world.settled();
    expect([reply.status, reply.json.error!.code, reply.headers['retry-after']]).toEqual([503, 'overloaded', '1']);
    await world.pipeline.drain();
    expect(world.pipeline.requestsInFlight).toBe(0);
  });
});

describe('the cohort', () => {
  it('of the direct path says so', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }]);
    const reply = world.ask(ask, { path: 'direct' });
    await world.settled();
    expect(reply.headers['x-apex-cohort']).toBe('direct; reason=direct_path');
    expect(world.recorder.closed[0]!.record).toMatchObject({ path: 'direct', cohort: 'direct', cohort_reason: 'direct_path' });
  });

  it('of a request outside the rollout says why', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }], { traffic: { assign: () => ({ cohort: 'direct', reason: 'flag_off' }) } });
    const reply = world.ask(ask);
    await world.settled();
    expect(reply.headers['x-apex-cohort']).toBe('direct; reason=flag_off');
    expect(world.recorder.closed[0]!.record).toMatchObject({ path: 'gateway', cohort: 'direct', cohort_reason: 'flag_off' });
  });
});
