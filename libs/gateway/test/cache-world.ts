import { ActivePolicies, DEFAULT_POLICY, type PolicySnapshot } from '@apex/policy';
import { type Receipt } from '@apex/usage';
import { CacheMarks } from '../src/adapters/cache-marks.js';
import { MemoryAnswerCache } from '../src/adapters/memory-answer-cache.js';
import { TieredResponseCache } from '../src/adapters/tiered-response-cache.js';
import { ExactCache } from '../src/core/cache/exact-cache.js';
import { type PipelineDeps } from '../src/core/pipeline.js';
import { ask, createWorld, FakeReply, type Script, usage, type World } from '../src/core/pipeline.fakes.js';

/** A pipeline with a policy and the exact cache of a process. */

export const repeatable = { ...ask, temperature: 0 };
export const good: Script = { status: 200, chunks: [JSON.stringify({ id: 'chatcmpl-1', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }], usage })] };

export class OnePolicy extends ActivePolicies {
  constructor(
    private readonly controlPpm: number,
    private readonly secret: Buffer | null = Buffer.alloc(32, 3),
  ) {
    super();
  }
  of(): PolicySnapshot {
    return { id: 'policy', version: 7, customerId: null, document: { ...DEFAULT_POLICY, experiment: { controlPpm: this.controlPpm } } };
  }
  secretAt(): Buffer | null {
    return this.secret;
  }
}

export function worldWithCache(scripts: Script[], controlPpm = 0, deps: Partial<PipelineDeps> = {}): World {
  const now = (): number => world.now;
  const cache = new ExactCache({
    cache: new TieredResponseCache(new MemoryAnswerCache(1 << 20), new CacheMarks(now), null),
    now,
    after: () => () => undefined,
    defer: queueMicrotask,
    onDefect: (error) => {
      throw error;
    },
  });
  const world: World = createWorld(scripts, { policies: new OnePolicy(controlPpm), cache, ...deps });
  return world;
}

export async function asked(world: World, body: unknown, headers: Record<string, string> = {}): Promise<FakeReply> {
  const reply = new FakeReply(world.log);
  world.ask(body, { headers, reply });
  await reply.finished;
  await world.settled();
  return reply;
}
export const receiptsOf = (world: World): Array<Receipt | null> => world.recorder.closed.map(({ receipt }) => receipt);
