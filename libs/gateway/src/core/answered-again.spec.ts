import { asked, good, receiptsOf as receipts, repeatable, worldWithCache } from '../../test/cache-world.js';
import { ask, FakeReply, usage } from './pipeline.fakes.js';

const STREAM = [`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'hi' } }] })}\n\n`, `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`, `data: ${JSON.stringify({ choices: [], usage })}\n\n`, 'data: [DONE]\n\n'];

describe('a request that comes again', () => {
  it('is answered from the cache, recorded at no cost, and its saving proven', async () => {
    const world = worldWithCache([good]);
    const first = await asked(world, repeatable);
    const again = await asked(world, { temperature: 0, ...ask });
    expect(world.upstream.requests).toHaveLength(1);
    expect(again.body).toBe(first.body);
    expect(first.headers).toMatchObject({ 'x-apex-mechanism': 'none', 'x-apex-policy': 'policy; version=7' });
    expect(again.headers).toMatchObject({ 'x-apex-mechanism': 'exact_cache', 'x-tokens-used': '0', 'x-apex-cost-usd': '0.000000000000', 'content-type': 'application/json' });
    const [miss, hit] = world.recorder.closed;
    expect(hit!.record).toMatchObject({ status: 'final', attempts: 0, cost_pd: 0, served_model: 'gpt-4o-mini', usage_source: 'none' });
    const [paid, saved] = receipts(world);
    expect(paid).toMatchObject({ savingPd: 0, baselinePd: miss!.record.cost_pd, actualPd: miss!.record.cost_pd, inputs: { arm: 'treated', steps: [] } });
    expect(saved).toMatchObject({ status: 'billable', actualPd: 0, inputs: { arm: 'treated', spent: [] } });
    expect(saved!.shares).toEqual({ exact_cache: saved!.baselinePd });
    expect(again.headers['x-apex-savings-usd']).toBe(`0.${String(saved!.savingPd).padStart(12, '0')}`);
    // No more is claimed than the call was: the same tokens, with what the provider had cached at its discount.
    expect(saved!.baselinePd).toBe(miss!.record.cost_pd);
  });

  it('as a stream gets the stream it was, chunk by chunk', async () => {
    const world = worldWithCache([{ status: 200, headers: { 'content-type': 'text/event-stream' }, chunks: STREAM }]);
    const first = await asked(world, { ...repeatable, stream: true });
    const writes = world.log.filter((entry) => entry === 'write').length;
    world.log.length = 0;
    const again = await asked(world, { ...repeatable, stream: true });
    expect(again.body).toBe(first.body);
    expect(world.log.filter((entry) => entry === 'write')).toHaveLength(writes);
    expect(again.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-apex-mechanism': 'exact_cache' });
  });

  it.each([
    ['drawn at random', ask, {}],
    ['that wants no cache', repeatable, { 'x-apex-cache': 'off' }],
  ])('%s is asked again', async (_what, body, headers) => {
    const world = worldWithCache([good, good]);
    await asked(world, body, headers);
    await asked(world, body, headers);
    expect(world.upstream.requests).toHaveLength(2);
  });

  it('of a control is asked again, and is its cohort', async () => {
    const world = worldWithCache([good, good], 500_000);
    // Half of all sessions are controls: one of each arm is among eight.
    const arms = new Map<string, string>();
    for (const session of 'abcdefgh') {
      const probe = worldWithCache([good], 500_000);
      await asked(probe, repeatable, { 'x-apex-session': session });
      arms.set(receipts(probe)[0]!.inputs.arm, session);
    }
    const control = arms.get('control')!;
    expect((await asked(world, repeatable, { 'x-apex-session': control })).headers['x-apex-cohort']).toBe('control');
    await asked(world, repeatable, { 'x-apex-session': control });
    expect(world.upstream.requests).toHaveLength(2);
    expect(receipts(world).map((receipt) => receipt!.inputs.arm)).toEqual(['control', 'control']);
  });

  it('while it is under way waits for that one answer', async () => {
    const world = worldWithCache([good]);
    const replies = Array.from({ length: 100 }, () => new FakeReply(world.log));
    for (const reply of replies) world.ask(repeatable, { reply });
    await Promise.all(replies.map((reply) => reply.finished));
    expect(world.upstream.requests).toHaveLength(1);
    expect(new Set(replies.map((reply) => reply.body)).size).toBe(1);
    expect(world.recorder.closed.filter(({ record }) => record.attempts === 0)).toHaveLength(99);
  });

  it('and leaves while it waits is recorded, and the others are served', async () => {
    const world = worldWithCache([good]);
    const [first, leaving, staying] = [0, 1, 2].map(() => new FakeReply(world.log));
    world.ask(repeatable, { reply: first! });
    world.ask(repeatable, { reply: leaving! });
    world.ask(repeatable, { reply: staying! });
    leaving!.hangUp();
    await Promise.all([first!.finished, staying!.finished]);
    await world.settled();
    expect(world.recorder.closed.map(({ record }) => record.error_code)).toEqual(expect.arrayContaining(['client_closed_request', null, null]));
    expect(world.pipeline.requestsInFlight).toBe(0);
  });

  it('of which the answer was an error is asked again', async () => {
    const world = worldWithCache([{ status: 400, chunks: ['{"error":{"message":"no"}}'] }, good]);
    await asked(world, repeatable);
    expect(receipts(world)[0]).toMatchObject({ status: 'void', reason: 'error', savingPd: 0 });
    await asked(world, repeatable);
    expect(world.upstream.requests).toHaveLength(2);
  });
});
