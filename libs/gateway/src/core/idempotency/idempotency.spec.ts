import { newId } from '@apex/common';
import { type Surface } from '@apex/usage';
import { MemoryIdempotencyStore } from '../../adapters/memory-idempotency-store.js';
import { type Claim, IdempotencyStore } from '../../ports/idempotency-store.js';
import { FakeReply, type Script, type World, answer, ask, createWorld, usage } from '../pipeline.fakes.js';
import { MAX_KEPT_BYTES } from './kept-answer.js';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const usageChunk = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
const done = 'data: [DONE]\n\n';
const ok: Script = { status: 200, chunks: [answer] };

type AskOptions = NonNullable<Parameters<World['ask']>[1]>;

/** A world whose requests all come with a key, each with a reply and an id of its own. */
function keyedWorld(scripts: Script[], overrides: Parameters<typeof createWorld>[1] = {}) {
  const world: World = createWorld(scripts, { idempotency: new MemoryIdempotencyStore(() => world.now), ...overrides });
  const begin = (body: unknown = ask, key = 'order-1', options: AskOptions = {}): FakeReply =>
    world.ask(body, { reply: new FakeReply(world.log), requestId: newId(), ...options, headers: { 'idempotency-key': key, ...options.headers } });
  const request = async (...given: Parameters<typeof begin>): Promise<FakeReply> => {
    const reply = begin(...given);
    await world.settled();
    return reply;
  };
  return { world, begin, request };
}

const code = (reply: FakeReply): [number, string | undefined] => [reply.status, reply.json.error?.code];

describe('a key that was used before', () => {
  it('gets the first answer again: same bytes, same headers, no call and no row', async () => {
    const { world, request } = keyedWorld([ok]);
    const first = await request();
    const second = await request();
    expect(first.headers).not.toHaveProperty('x-apex-idempotent-replay');
    expect(second.body).toBe(answer);
    expect(second.headers).toEqual({ ...first.headers, 'x-apex-idempotent-replay': 'true' });
    expect(world.upstream.requests).toHaveLength(1);
    expect(world.recorder.closed).toHaveLength(1);
    expect([world.pipeline.answersReplayed, world.pipeline.requestsInFlight]).toEqual([1, 0]);
  });

  it('gets a stream again as a stream, byte for byte', async () => {
    const { world, request } = keyedWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a'), delta('b'), usageChunk, done] }]);
    const body = { ...ask, stream: true };
    const first = await request(body, 'k', { headers: { 'x-apex-trailer': 'on' } });
    const heads: number[] = [];
    const reply = new FakeReply(world.log);
    const head = reply.head.bind(reply);
    reply.head = (status, headers) => {
      heads.push(status);
      head(status, headers);
    };
    const second = await request(body, 'k', { headers: { 'x-apex-trailer': 'on' }, reply });
    expect(first.body).toContain(': apex {');
    expect(second.body).toBe(first.body);
    expect(second.headers['content-type']).toBe('text/event-stream');
    expect(heads).toEqual([200]);
    expect(world.upstream.requests).toHaveLength(1);
  });

  it.each<[string, unknown, AskOptions]>([
    ['another body', { ...ask, seed: 1 }, {}],
    ['the same meaning in other bytes', `${JSON.stringify(ask)} `, {}],
    ['a header that changes the answer', ask, { headers: { 'anthropic-beta': 'x' } }],
  ])('is refused for %s, for good, and that is recorded', async (_, body, options) => {
    const { world, request } = keyedWorld([ok]);
    await request();
    const second = await request(body, 'order-1', options);
    expect(code(second)).toEqual([409, 'idempotency_key_reused']);
    expect(second.headers['x-should-retry']).toBe('false');
    expect(world.upstream.requests).toHaveLength(1);
    expect(world.recorder.closed[1]!.record).toMatchObject({ status: 'denied', http_status: 409, error_code: 'idempotency_key_reused', requested_model: 'gpt-4o-mini', cost_pd: 0 });
  });

  it('is the same with other labels, time-outs and counts of retries', async () => {
    const { request } = keyedWorld([ok]);
    await request();
    const second = await request(ask, 'order-1', { headers: { 'x-apex-tags': 'b', 'x-apex-timeout-ms': '5', 'x-stainless-retry-count': '1' } });
    expect(second.headers['x-apex-idempotent-replay']).toBe('true');
  });

  it('is another key on another surface or path', async () => {
    const { world, request } = keyedWorld([ok, ok, { status: 200, chunks: [JSON.stringify({ data: [], usage: { prompt_tokens: 1, total_tokens: 1 } })] }]);
    const surfaces: [Surface, unknown, 'gateway' | 'direct'][] = [
      ['chat.completions', ask, 'gateway'],
      ['chat.completions', ask, 'direct'],
      ['embeddings', { model: 'text-embedding-3-small', input: 'x' }, 'gateway'],
    ];
    for (const [surface, body, path] of surfaces) {
      const reply = await request(body, 'k', { surface, path });
      expect([reply.status, reply.headers['x-apex-idempotent-replay']]).toEqual([200, undefined]);
    }
    expect(world.upstream.requests).toHaveLength(3);
  });

  it('runs again after 24 hours', async () => {
    const { world, request } = keyedWorld([ok, ok]);
    await request();
    world.now += 24 * 3_600_000 - 1;
    expect((await request()).headers['x-apex-idempotent-replay']).toBe('true');
    world.now += 1;
    expect((await request()).headers).not.toHaveProperty('x-apex-idempotent-replay');
  });

  it('whose answer was too large to keep is refused, and not paid for twice', async () => {
    const huge = JSON.stringify({ ...(JSON.parse(answer) as object), pad: 'x'.repeat(MAX_KEPT_BYTES) });
    const { world, request } = keyedWorld([{ status: 200, chunks: [huge] }], { limits: { maxAttempts: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1, maxResponseBytes: 4 * MAX_KEPT_BYTES } });
    expect((await request()).body).toBe(huge);
    const second = await request();
    expect(code(second)).toEqual([409, 'idempotency_not_replayable']);
    expect(world.upstream.requests).toHaveLength(1);
  });
});

describe('a key whose request is under way', () => {
  it('is refused for now, or for good if the body differs', async () => {
    const { world, begin, request } = keyedWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a')], hang: true }]);
    const first = begin({ ...ask, stream: true });
    await world.settled();
    expect(first.body).toBe(delta('a'));
    const again = await request({ ...ask, stream: true });
    expect(code(again)).toEqual([409, 'idempotency_in_progress']);
    expect(again.headers['retry-after']).toBe('1');
    expect(again.headers).not.toHaveProperty('x-should-retry');
    expect(code(await request(ask))).toEqual([409, 'idempotency_key_reused']);
    expect(world.recorder.closed.map(({ record }) => record.status)).toEqual(['denied', 'denied']);
  });

  it('is free again when the client leaves in the middle', async () => {
    const { world, begin, request } = keyedWorld([{ status: 200, headers: EVENT_STREAM, chunks: [delta('a')], hang: true }, ok]);
    const first = begin({ ...ask, stream: true });
    await world.settled();
    first.hangUp();
    await world.settled();
    expect((await request(ask)).status).toBe(200);
    expect(world.recorder.closed.map(({ record }) => record.status)).toEqual(['aborted', 'final']);
  });

  it('is kept for a client that leaves when the answer is already there', async () => {
    const { world, begin, request } = keyedWorld([ok]);
    const first = begin();
    const { recorder } = world;
    const close = recorder.close.bind(recorder);
    recorder.close = (...given) => {
      first.hangUp();
      close(...given);
    };
    await world.settled();
    expect((await request()).body).toBe(answer);
    expect(world.upstream.requests).toHaveLength(1);
  });
});

describe('an answer that is no answer', () => {
  const broken = { status: 200, headers: EVENT_STREAM, chunks: [delta('a')] };
  it.each<[string, unknown, Script]>([
    ['a provider\'s refusal', ask, { status: 400, chunks: ['{"error":{"message":"no"}}'] }],
    ['a provider that cannot be reached', ask, { failure: 'connect_failed' }],
    ['a stream that breaks', { ...ask, stream: true }, { ...broken, failure: 'reset' }],
    ['a stream without its end', { ...ask, stream: true }, broken],
    ['a stream that ends with an error', { ...ask, stream: true }, { ...broken, chunks: [delta('a'), 'data: {"error":{"message":"overloaded"}}\n\n', done] }],
  ])('such as %s frees the key', async (_, body, script) => {
    const { world, request } = keyedWorld([script, { status: 200, headers: 'stream' in (body as object) ? EVENT_STREAM : {}, chunks: 'stream' in (body as object) ? [delta('b'), usageChunk + done] : [answer] }], {
      limits: { maxAttempts: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1, maxResponseBytes: 1_000_000 },
    });
    await request(body);
    const second = await request(body);
    expect(second.status).toBe(200);
    expect(second.headers).not.toHaveProperty('x-apex-idempotent-replay');
    expect(world.recorder.closed).toHaveLength(2);
    // The second one was an answer, and is kept.
    expect((await request(body)).headers['x-apex-idempotent-replay']).toBe('true');
  });

  it('such as one that is not in the books frees the key', async () => {
    const { world, request } = keyedWorld([ok, ok]);
    world.recorder.failing = 'close';
    expect((await request()).status).toBe(503);
    world.recorder.failing = null;
    expect((await request()).body).toBe(answer);
    expect(world.upstream.requests).toHaveLength(2);
  });

  it('such as a defect in giving it frees the key', async () => {
    const defects: unknown[] = [];
    const { world, request } = keyedWorld([ok, ok], { onDefect: (error) => defects.push(error) });
    const reply = new FakeReply(world.log);
    const send = reply.send.bind(reply);
    let calls = 0;
    reply.send = (...args) => {
      if (calls++ === 0) throw new TypeError('no such header');
      send(...args);
    };
    expect((await request(ask, 'order-1', { reply })).status).toBe(500);
    expect(defects).toHaveLength(1);
    expect((await request()).headers).not.toHaveProperty('x-apex-idempotent-replay');
    expect(world.pipeline.requestsInFlight).toBe(0);
  });

  it('such as a defect before the call frees the key', async () => {
    let broken = true;
    const { request } = keyedWorld([ok], {
      traffic: {
        assign: () => {
          if (broken) {
            broken = false;
            throw new TypeError('defect');
          }
          return { cohort: 'gateway' };
        },
      },
      onDefect: () => undefined,
    });
    expect((await request()).status).toBe(500);
    expect((await request()).status).toBe(200);
  });
});

describe('the header', () => {
  it.each([
    ['', 400],
    ['k'.repeat(256), 400],
    ['schl\u00fcssel', 400],
    ['k'.repeat(255), 200],
    [' !~', 200],
  ])('%j: %i', async (key, status) => {
    const { world, request } = keyedWorld([ok]);
    const reply = await request(ask, key);
    expect(reply.status).toBe(status);
    if (status === 400) expect(reply.json.error).toMatchObject({ code: 'invalid_header', param: 'idempotency-key' });
    expect(world.recorder.closed).toHaveLength(1);
  });

  it('does not keep a client waiting that has left meanwhile, nor call the provider for it', async () => {
    const { world, begin, request } = keyedWorld([ok]);
    begin().hangUp();
    await world.settled();
    expect(world.upstream.requests).toHaveLength(0);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'denied', error_code: 'client_closed_request' });
    expect((await request()).status).toBe(200);
  });

  it('never fails a request, not even with a store that does', async () => {
    const defects: unknown[] = [];
    class Broken extends IdempotencyStore {
      claim(): Promise<Claim> {
        return Promise.reject(new Error('broken'));
      }
    }
    const { request } = keyedWorld([ok], { idempotency: new Broken(), onDefect: (error) => defects.push(error) });
    expect((await request()).body).toBe(answer);
    expect(defects).toHaveLength(1);
  });
});
