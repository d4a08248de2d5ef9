import { type UpstreamFailure } from '@apex/llm';
import fc from 'fast-check';
import { createSteppedWorld, type SteppedWorld } from './hedging.fakes.js';
import { answer, ask, FakeReply } from './pipeline.fakes.js';

/** One thing that can happen next. What cannot happen at that moment does nothing. */
type Step =
  | { readonly kind: 'head'; readonly call: number; readonly status: number }
  | { readonly kind: 'data' | 'end'; readonly call: number }
  | { readonly kind: 'failure'; readonly call: number; readonly failure: UpstreamFailure }
  | { readonly kind: 'written' | 'unwritable' | 'tick' | 'turn' | 'client leaves' };

const FAILURES: readonly UpstreamFailure[] = ['connect_failed', 'first_byte_timeout', 'reset', 'protocol'];
const call = fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('head' as const), call, status: fc.constantFrom(200, 200, 200, 400, 404, 409, 429, 500) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('data' as const, 'end' as const), call }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('failure' as const), call, failure: fc.constantFrom(...FAILURES) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('written' as const, 'tick' as const, 'turn' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('unwritable' as const, 'client leaves' as const) }) },
  ),
  { maxLength: 16, size: 'max' },
);

/** Counts what the client is told. */
class WatchedReply extends FakeReply {
  heads = 0;
  ends = 0;

  override head(status: number, headers: string[]): void {
    this.heads++;
    super.head(status, headers);
  }

  override end(chunk?: Buffer): void {
    this.ends++;
    super.end(chunk);
  }
}

/** What place `index` says: each its own text, so that one can tell whose answer the client has. */
const streamed = (index: number): string => `data: {"choices":[{"delta":{"content":"from call ${index};"}}]}\n\n`;
const whole = (index: number): string => answer.replace('"hi"', `"from call ${index};"`);
const STREAM_REST = 'data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}\n\ndata: [DONE]\n\n';

async function play(world: SteppedWorld, stream: boolean, step: Step): Promise<void> {
  const { upstream, recorder } = world;
  switch (step.kind) {
    case 'head':
      return upstream.calls[step.call]?.head(step.status, stream && step.status === 200 ? { 'content-type': 'text/event-stream' } : {});
    case 'data':
      return upstream.calls[step.call]?.data(stream ? streamed(step.call) : '');
    case 'end': {
      const ending = upstream.calls[step.call];
      if (ending === undefined) return;
      // The third place speaks another protocol, in which neither of these is an answer: a failure like others.
      if (ending.status === 200) ending.data(stream ? STREAM_REST : whole(step.call));
      else ending.data('{"error":{"message":"no"}}');
      return ending.end();
    }
    case 'failure':
      return upstream.calls[step.call]?.fail(step.failure);
    case 'written':
      return recorder.written();
    case 'unwritable':
      return recorder.written(new Error('disk full'));
    case 'tick':
      return void world.tick();
    case 'turn':
      return world.settled();
    case 'client leaves':
      if (!world.reply.gone && !world.reply.ended) world.reply.hangUp();
  }
}

/** Nothing more is held back: opens are written, clocks run, and calls that go on break, or end `well` if they have begun so. */
async function finish(world: SteppedWorld, stream: boolean, well: boolean): Promise<void> {
  for (let round = 0; round < 50 && world.recorder.closed.length === 0; round++) {
    await world.settled();
    if (world.recorder.waiting > 0) world.recorder.written();
    else {
      const running = world.upstream.calls.findIndex((one) => one.running);
      const one = world.upstream.calls[running];
      if (one === undefined) world.tick();
      else if (well && one.status === 200) await play(world, stream, { kind: 'end', call: running });
      else one.fail('reset');
    }
  }
  await world.settled();
  while (world.recorder.waiting > 0) world.recorder.written();
  await world.settled();
}

function expectOneAnswerAndExactBooks(world: SteppedWorld, reply: WatchedReply, calledBeforeFirstByte: () => number): void {
  const { upstream, recorder, board } = world;
  // Exactly one answer, of one call.
  expect(reply.ends).toBeLessThanOrEqual(1);
  expect(reply.heads).toBeLessThanOrEqual(1);
  if (!reply.gone) expect([reply.heads, reply.ends]).toEqual([1, 1]);
  expect(new Set(reply.body.match(/from call \d;/g) ?? []).size).toBeLessThanOrEqual(1);
  // One record, with every attempt once, as they were opened.
  expect(recorder.closed).toHaveLength(1);
  const [{ record, attempts }] = recorder.closed as [(typeof recorder.closed)[0]];
  const opened = recorder.opened.map((entry) => entry.attempts.at(-1)!.attempt_id);
  expect(attempts.map(({ attempt_id: id }) => id)).toEqual(opened);
  expect(attempts.map(({ attempt_no: no }) => no)).toEqual(opened.map((_, index) => index + 1));
  expect(attempts.every(({ error_code: code }) => code !== 'process_died')).toBe(true);
  expect(record).toMatchObject({ attempts: opened.length, unknown_attempts: attempts.filter(({ usage_source: source }) => source === 'unknown').length });
  expect(attempts.filter(({ status }) => status === 'final').length).toBeLessThanOrEqual(1);
  if (record.status === 'final') expect(attempts.filter(({ status }) => status === 'final').map(({ provider }) => provider)).toEqual([record.provider]);
  expect(record.cost_pd).toBe(attempts.reduce((sum, { cost_pd: cost }) => sum + cost, 0));
  // Every call is of one of these attempts; those without a call say so.
  const sent = upstream.calls.map(({ request }) => (request.headers as Record<string, string>)['x-client-request-id']);
  expect(attempts.filter(({ error_code: code }) => code !== 'not_sent').map(({ attempt_id: id }) => id)).toEqual(sent.toSorted());
  // Never more than two at once, and two at once only once.
  expect(upstream.most).toBeLessThanOrEqual(2);
  expect(attempts.filter(({ error_code: code }) => code === 'hedge_lost').length).toBeLessThanOrEqual(1);
  expect(upstream.calls.length).toBe(calledBeforeFirstByte());
  // Nothing is left behind.
  expect(upstream.calls.filter(({ running }) => running)).toEqual([]);
  expect([world.waits.length, board.underWay, world.pipeline.requestsInFlight]).toEqual([0, 0, 0]);
}

describe('two calls at once, whatever happens and in whatever order', () => {
  it.each([
    ['whole', false],
    ['streamed', true],
  ])('give one %s answer, exact books, and leave nothing running', async (_, stream) => {
    const seen = { both: 0, outrun: 0, secondWon: 0, left: 0 };
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), fc.boolean(), async (order, quick, well) => {
        const world = createSteppedWorld({ estimateUsage: () => Promise.resolve(null) });
        const reply = new WatchedReply(world.log);
        Object.assign(world, { reply });
        let calls = -1;
        const write = reply.write.bind(reply);
        reply.write = (chunk) => {
          if (calls < 0) calls = world.upstream.calls.length;
          return write(chunk);
        };
        world.ask({ ...ask, stream }, { reply });
        // Half of the runs begin where two calls are under way.
        const begin: readonly Step[] = quick ? [{ kind: 'written' }, { kind: 'tick' }, { kind: 'written' }] : [];
        for (const step of [...begin, ...order]) await play(world, stream, step);
        await finish(world, stream, well);
        expectOneAnswerAndExactBooks(world, reply, () => (calls < 0 ? world.upstream.calls.length : calls));
        const { attempts } = world.recorder.closed[0]!;
        if (world.upstream.most === 2) seen.both++;
        if (attempts.some(({ error_code: code }) => code === 'hedge_lost')) seen.outrun++;
        if (attempts.length > 1 && attempts[1]!.status === 'final') seen.secondWon++;
        if (reply.gone) seen.left++;
      }),
      { numRuns: 1_000, seed: 3 },
    );
    // It has seen what it is about.
    for (const [what, times] of Object.entries(seen)) expect({ what, often: times > 20 }).toEqual({ what, often: true });
  }, 60_000);
});
