/**
 * What the provider prompt cache mechanism saves on simulated workloads, beside the best that hindsight could, and what it
 * costs on a request's path. `node --import ./test/support/typescript-hooks.mjs bench/prompt-cache.ts`; needs nothing else.
 */
import { scanTopLevel } from '../libs/gateway/src/core/json/top-level.js';
import { BreakpointPlanner } from '../libs/gateway/src/core/prompt-cache/breakpoints.js';
import { CacheKeys, rootOf, withCacheKey } from '../libs/gateway/src/core/prompt-cache/cache-key.js';
import { messagesBlocks, prefixNames } from '../libs/gateway/src/core/prompt-cache/prompt-blocks.js';
import { Recurrence } from '../libs/gateway/src/core/prompt-cache/recurrence.js';
import { spliceBreakpoints } from '../libs/gateway/src/core/prompt-cache/splice-breakpoints.js';
import { replay } from './prompt-cache/replay.js';
import { agentWorkload, type Sent, singleQuestions, type Style, unlikePrompts } from './prompt-cache/workload.js';

const percent = (share: number): string => `${(100 * share).toFixed(2).padStart(6)} %`;
const workloads: Readonly<Record<string, (style: Style) => Sent[]>> = { 'agents, 12 x 10 turns': agentWorkload, 'single questions': singleQuestions, 'nothing in common': unlikePrompts };
for (const style of ['anthropic', 'openai'] as const) {
  for (const [name, workload] of Object.entries(workloads)) {
    const { uncachedPd, paidPd, optimumPd } = await replay(style, workload(style), { promptCache: true });
    const saved = uncachedPd - paidPd;
    console.log(`${style.padEnd(10)} ${name.padEnd(24)} saved ${percent(saved / uncachedPd)} of the bill, ${optimumPd === 0 ? 'as hindsight' : `${percent(saved / optimumPd)} of hindsight's`}`);
  }
}

const rates = { input: 3_000_000, cacheRead: 300_000, cacheWrite: 3_750_000 };
const text = (bytes: number): string => 'The quick brown fox jumps. '.repeat(Math.ceil(bytes / 27));
for (const [name, bytes, messages] of [
  ['10 KB in 10 messages', 1_000, 10],
  ['100 KB in 20 messages', 5_000, 20],
  ['100 KB in 400 messages', 250, 400],
  ['1 MB in 100 messages', 10_000, 100],
] as const) {
  const list = Array.from({ length: messages }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: `${index} ${text(bytes)}` }));
  const body = Buffer.from(JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 100, system: text(bytes), messages: list }));
  const planner = new BreakpointPlanner(new Recurrence(290_000), { minTokens: 1_024, minRecurrences: 1 });
  let nowMs = 0;
  time(`breakpoints, ${name}`, () => {
    nowMs += 10_000;
    const prompt = messagesBlocks(body, scanTopLevel(body)!)!;
    const plan = planner.plan('s', prompt, prefixNames(body, prompt, 's'), rates, nowMs);
    if (plan !== null) spliceBreakpoints(body, prompt.blocks, plan.at);
  });
  const keys = new CacheKeys();
  const top = scanTopLevel(body)!;
  time(`key, ${name}`, () => withCacheKey(body, keys.keyFor(rootOf(body, top, 's'), 'c', (nowMs += 10_000)), top));
  // Only to compare with.
  time(`JSON.parse, ${name}`, () => JSON.parse(body.toString()));
}

/** Microseconds per call. */
function time(name: string, call: () => unknown): void {
  for (let i = 0; i < 300; i++) call();
  const took = Float64Array.from({ length: 1_000 }, () => {
    const start = process.hrtime.bigint();
    call();
    return Number(process.hrtime.bigint() - start) / 1_000;
  }).sort();
  console.log(`${name.padEnd(40)} p50 ${took[500]!.toFixed(1).padStart(8)} us   p99 ${took[990]!.toFixed(1).padStart(8)} us`);
}
