import { MemoryIdempotencyStore } from '../adapters/memory-idempotency-store.js';
import { createSteppedWorld, HEDGE_AFTER_MS, type SteppedWorld } from './hedging.fakes.js';
import { answer, ask } from './pipeline.fakes.js';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const delta = (text: string): string => `data: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`;
const rest = 'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200}}\n\ndata: [DONE]\n\n';

/** A request that was sent to the first place and has waited there for so long that the second one was asked, too. */
async function hedged(body: unknown = ask, world: SteppedWorld = createSteppedWorld()) {
  world.ask(body);
  await world.settled();
  world.recorder.written();
  expect(world.waits.map(({ ms }) => ms)).toEqual([HEDGE_AFTER_MS]);
  world.tick();
  world.recorder.written();
  await world.settled();
  const [first, second] = world.upstream.calls;
  expect(world.upstream.calls.map(({ request }) => request.origin)).toEqual(['http://provider', 'http://groq']);
  return { world, first: first!, second: second!, reply: world.reply };
}

const closing = ({ recorder }: SteppedWorld) => {
  expect(recorder.closed).toHaveLength(1);
  const { record, attempts } = recorder.closed[0]!;
  return { record, attempts: attempts.map(({ provider, status, error_code: code, attempt_no: no }) => [no, provider, status, code]) };
};

describe('a request whose answer does not begin in time', () => {
  it('is sent to the next place as well; the faster one answers, and the other is ended and its bill unknown', async () => {
    const { world, first, second, reply } = await hedged();
    second.head(200);
    expect(first.state).toBe('aborted');
    second.data(answer);
    second.end();
    await world.settled();
    expect([reply.status, reply.headers['x-apex-model']]).toEqual([200, 'llama']);
    const { record, attempts } = closing(world);
    expect(attempts).toEqual([
      [1, 'openai', 'interrupted', 'hedge_lost'],
      [2, 'groq', 'final', null],
    ]);
    expect(record).toMatchObject({ status: 'interrupted', http_status: 200, error_code: null, provider: 'groq', served_model: 'llama', attempts: 2, unknown_attempts: 1 });
    expect([world.waits, world.board.underWay]).toEqual([[], 0]);
  });

  it('may still be answered by the first', async () => {
    const { world, first, second, reply } = await hedged();
    first.head(200);
    expect(second.state).toBe('aborted');
    first.data(answer);
    first.end();
    await world.settled();
    expect(reply.headers['x-apex-model']).toBe('gpt-4o-mini');
    const { record, attempts } = closing(world);
    expect(attempts).toEqual([
      [1, 'openai', 'final', null],
      [2, 'groq', 'interrupted', 'hedge_lost'],
    ]);
    expect(record).toMatchObject({ http_status: 200, provider: 'openai', served_model: 'gpt-4o-mini', cost_pd: world.recorder.closed[0]!.attempts[0]!.cost_pd });
  });

  it('streams from the faster one alone', async () => {
    const { world, first, second, reply } = await hedged({ ...ask, stream: true });
    second.head(200, EVENT_STREAM);
    second.data(delta('b'));
    first.data(delta('a'));
    await world.settled();
    second.data(rest);
    second.end();
    await world.settled();
    expect(reply.body).toBe(`${delta('b')}data: [DONE]\n\n`);
    expect(world.upstream.calls).toHaveLength(2);
  });

  it('goes on with one of them where the other fails, and down the chain where both do', async () => {
    const { world, first, second, reply } = await hedged();
    first.fail('reset');
    await world.settled();
    expect([second.running, world.recorder.closed]).toEqual([true, []]);
    second.head(500);
    second.end();
    world.recorder.written();
    expect(world.upstream.calls[2]!.request.origin).toBe('http://anthropic');
    world.upstream.calls[2]!.fail('connect_failed');
    expect(world.waits).toHaveLength(1);
    reply.hangUp();
    expect(closing(world).attempts).toEqual([
      [1, 'openai', 'interrupted', 'upstream_reset'],
      [2, 'groq', 'failed', 'upstream_500'],
      [3, 'anthropic', 'failed', 'connect_failed'],
    ]);
    expect(world.board.underWay).toBe(0);
  });

  it('that one of them finds wrong is answered so at once', async () => {
    const { world, first, second, reply } = await hedged();
    second.head(400);
    second.data('{"error":{"message":"no such parameter"}}');
    second.end();
    await world.settled();
    expect([reply.status, first.state]).toEqual([400, 'aborted']);
    expect(closing(world).record).toMatchObject({ http_status: 400, error_code: 'upstream_400', provider: 'groq' });
  });

  it('is in the books as two open attempts while both run', async () => {
    const { world } = await hedged();
    expect(world.recorder.opened[1]!.attempts.map(({ provider, status, error_code: code, usage_source: source }) => [provider, status, code, source])).toEqual([
      ['openai', 'interrupted', 'process_died', 'unknown'],
      ['groq', 'interrupted', 'process_died', 'unknown'],
    ]);
    expect(world.recorder.opened[1]!.record).toMatchObject({ attempts: 2, unknown_attempts: 2 });
  });

  it('is cancelled at both when its client leaves', async () => {
    const { world, first, second, reply } = await hedged();
    reply.hangUp();
    expect([first.state, second.state]).toEqual(['aborted', 'aborted']);
    expect(closing(world).record).toMatchObject({ status: 'aborted', http_status: 499, unknown_attempts: 2 });
  });

  it('has its first answer kept under an Idempotency-Key, once', async () => {
    const idempotency = new MemoryIdempotencyStore(() => 0);
    const world = createSteppedWorld({ idempotency });
    const headers = { 'idempotency-key': 'once' };
    const first = world.ask(ask, { headers });
    await world.settled();
    world.recorder.written();
    world.tick();
    world.recorder.written();
    const [slow, fast] = world.upstream.calls;
    fast!.head(200);
    fast!.data(answer);
    fast!.end();
    await world.settled();
    expect(slow!.state).toBe('aborted');
    const again = createSteppedWorld({ idempotency });
    const second = again.ask(ask, { headers });
    await again.settled();
    expect([second.status, second.body, again.upstream.calls]).toEqual([200, first.body, []]);
    expect(world.recorder.closed).toHaveLength(1);
  });
});

describe('a second call', () => {
  const sent = async (world = createSteppedWorld(), options: Parameters<SteppedWorld['ask']>[1] = {}, body: unknown = ask) => {
    world.ask(body, options);
    await world.settled();
    world.recorder.written();
    return world;
  };

  it('is never made once a good head has come', async () => {
    const world = await sent();
    world.upstream.calls[0]!.head(200);
    expect(world.waits).toEqual([]);
  });

  it('is made while an error still arrives', async () => {
    const world = await sent();
    world.upstream.calls[0]!.head(503);
    world.tick();
    world.recorder.written();
    expect(world.upstream.calls).toHaveLength(2);
  });

  it('is not begun at or after the deadline', async () => {
    const world = await sent(createSteppedWorld(), { headers: { 'x-apex-timeout-ms': String(HEDGE_AFTER_MS) } });
    expect(world.waits).toEqual([]);
  });

  it('needs no clock where the route does not ask for it', async () => {
    const world = await sent(createSteppedWorld(), {}, { ...ask, model: 'gpt-4o' });
    expect([world.upstream.calls.length, world.waits]).toEqual([1, []]);
  });

  it('is not made to a place that is not well, and that one stays a fallback', async () => {
    const world = createSteppedWorld();
    world.board.begin(world.places[1]!)({ kind: 'saturated', retryAfterMs: 60_000 }, world.now);
    await sent(world);
    world.tick();
    world.recorder.written();
    expect(world.upstream.calls.map(({ request }) => request.origin)).toEqual(['http://provider', 'http://anthropic']);
    for (const call of world.upstream.calls) call.fail('connect_failed');
    world.recorder.written();
    expect(world.upstream.calls[2]!.request.origin).toBe('http://groq');
  });

  it('is the only one', async () => {
    const world = createSteppedWorld();
    for (let i = 0; i < 60; i++) {
      await sent(world);
      const call = world.upstream.calls[i]!;
      call.head(200);
      call.data(answer);
      call.end();
      await world.settled();
    }
    await sent(world);
    world.tick();
    world.recorder.written();
    expect(world.waits).toEqual([]);
    world.upstream.calls[60]!.fail('reset');
    expect([world.upstream.calls.length, world.waits]).toEqual([62, []]);
    world.upstream.calls[61]!.fail('reset');
    world.recorder.written();
    expect([world.upstream.calls.length, world.waits]).toEqual([63, []]);
  });

  it('is made for one request in twenty, and the first', async () => {
    const world = createSteppedWorld();
    let twice = 0;
    for (let i = 0; i < 100; i++) {
      const before = world.upstream.calls.length;
      await sent(world);
      world.tick();
      world.recorder.written();
      if (world.upstream.calls.length - before === 2) twice++;
      const call = world.upstream.calls[before]!;
      call.head(200);
      call.data(answer);
      call.end();
      await world.settled();
    }
    expect(twice).toBe(6);
  });

  it('that cannot be written down is not made, and the first goes on', async () => {
    const world = await sent();
    world.tick();
    world.recorder.written(new Error('disk full'));
    const [first, second] = world.upstream.calls;
    expect([first!.running, second]).toEqual([true, undefined]);
    first!.head(200);
    first!.data(answer);
    first!.end();
    await world.settled();
    expect(world.reply.status).toBe(200);
    expect(closing(world)).toMatchObject({ record: { status: 'final', unknown_attempts: 0 }, attempts: [[1, 'openai', 'final', null], [2, 'groq', 'failed', 'not_sent']] });
  });

  it('that is overtaken before it is written down is not made', async () => {
    const world = await sent();
    world.tick();
    const [first] = world.upstream.calls;
    first!.head(200);
    first!.data(answer);
    first!.end();
    await world.settled();
    world.recorder.written();
    expect(world.upstream.calls).toHaveLength(1);
    expect(closing(world).attempts).toEqual([
      [1, 'openai', 'final', null],
      [2, 'groq', 'failed', 'not_sent'],
    ]);
  });
});
