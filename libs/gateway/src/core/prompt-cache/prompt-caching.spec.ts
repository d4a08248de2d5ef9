import fc from 'fast-check';
import { GenaiPriceBook, llmConfig, llmEnvSchema, ProviderRegistry } from '@apex/llm';
import { ActivePolicies, DEFAULT_POLICY, type PolicySnapshot, RuleDecisionLayer } from '@apex/policy';
import { computeReceipt, type Receipt } from '@apex/usage';
import { CacheMarks } from '../../adapters/cache-marks.js';
import { MemoryAnswerCache } from '../../adapters/memory-answer-cache.js';
import { TieredResponseCache } from '../../adapters/tiered-response-cache.js';
import { ExactCache } from '../cache/exact-cache.js';
import { createWorld, FakeReply, type Script, type World } from '../pipeline.fakes.js';
import { PromptCaching } from './prompt-caching.js';

const CLAUDE = 'claude-sonnet-4-5';
const system = 'You are an agent that books travel. '.repeat(200);
const conversation = (turns: number): object[] => Array.from({ length: 2 * turns + 1 }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: `Message number ${index} of this conversation.` }));
const claude = (turns: number, more: object = {}): object => ({ model: CLAUDE, max_tokens: 100, system, messages: conversation(turns), ...more });
const chat = (turns: number, model: string): object => ({ model, messages: [{ role: 'system', content: system }, ...conversation(turns)] });

const answered = (input: number, read: number, written: number): Script => ({
  status: 200,
  chunks: [JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: CLAUDE, content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: input, cache_read_input_tokens: read, cache_creation_input_tokens: written, output_tokens: 10 } })],
});
const streamed: Script = {
  status: 200,
  headers: { 'content-type': 'text/event-stream' },
  chunks: [
    { type: 'message_start', message: { usage: { input_tokens: 10, cache_read_input_tokens: 1_500, cache_creation_input_tokens: 0, output_tokens: 1 } } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Done.' } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 10 } },
    { type: 'message_stop' },
  ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
};

class OnePolicy extends ActivePolicies {
  of(): PolicySnapshot {
    return { id: '01956c00-0000-7000-8000-00000000beef', version: 1, customerId: null, document: { ...DEFAULT_POLICY, experiment: { controlPpm: 0 } } };
  }
  secretAt(): Buffer {
    return Buffer.alloc(32, 3);
  }
}

function worldWith(scripts: Script[], { killed = false, sole = false, env = {} }: { killed?: boolean; sole?: boolean; env?: Record<string, string> } = {}): World {
  const now = (): number => world.now;
  const cache = new ExactCache({ cache: new TieredResponseCache(new MemoryAnswerCache(1 << 20), new CacheMarks(now), null), now, after: () => () => undefined, defer: queueMicrotask, onDefect: (error) => { throw error; } });
  const prices = new GenaiPriceBook();
  const world: World = createWorld(scripts, {
    policies: new OnePolicy(),
    cache,
    prices,
    decisions: new RuleDecisionLayer({ isEnabled: (flag) => killed && flag === 'kill_prompt_cache' }),
    promptCache: sole ? soleCaching(prices, now) : new PromptCaching({ prices, now, sole }),
    providers: new ProviderRegistry(llmConfig(llmEnvSchema.parse(env)).providers),
  });
  return world;
}

/** A process that has watched since long ago. */
function soleCaching(prices: GenaiPriceBook, now: () => number): PromptCaching {
  let started = false;
  const caching = new PromptCaching({ prices, now: () => (started ? now() : 0), sole: true });
  started = true;
  return caching;
}

async function ask(world: World, body: unknown, surface: 'messages' | 'chat.completions' = 'messages', headers: Record<string, string> = {}): Promise<FakeReply> {
  const reply = new FakeReply(world.log);
  world.now += 1_000;
  world.ask(body, { surface, reply, headers });
  await reply.finished;
  await world.settled();
  return reply;
}
const sentTo = (world: World): string[] => world.upstream.requests.map(({ body }) => String(body));
const lastReceipt = (world: World): Receipt => world.recorder.closed.at(-1)!.receipt!;

describe('the prompt cache of a provider that caches on request', () => {
  it('is asked for where a prefix came again, and the receipt says what that saved', async () => {
    const world = worldWith([answered(2_000, 0, 0), answered(50, 0, 2_000), answered(60, 2_000, 40)]);
    for (const turns of [1, 2]) await ask(world, claude(turns));
    const third = await ask(world, claude(3));
    const [first, ...marked] = sentTo(world);
    expect(first).not.toContain('cache_control');
    for (const body of marked) expect(body).toContain('"cache_control":{"type":"ephemeral"}');
    const [plain, premium, saved] = world.recorder.closed.map(({ receipt }) => receipt!);
    // $3 for a million input tokens, 3.75 to write, 0.30 to read.
    expect(plain).toMatchObject({ savingPd: 0, shares: {} });
    expect(premium).toMatchObject({ shares: { prompt_cache: -2_000 * 750_000 }, overheadPd: 0, savingPd: -2_000 * 750_000 });
    expect(saved!.shares.prompt_cache).toBe(2_000 * 2_700_000 - 40 * 750_000);
    expect(saved!.inputs.baseline.usage).toMatchObject({ promptTokens: 2_100, cachedTokens: 0, cacheWriteTokens: 0 });
    expect(computeReceipt(saved!.requestId, saved!.customerId, saved!.inputs)).toEqual(saved);
    expect(third.headers).toMatchObject({ 'x-apex-mechanism': 'prompt_cache', 'x-apex-savings-usd': '0.005370000000' });
  });

  it('is asked for in what a client of another protocol sends as well', async () => {
    const world = worldWith([answered(2_000, 0, 0), answered(50, 0, 2_000)]);
    for (const turns of [1, 2]) await ask(world, chat(turns, CLAUDE), 'chat.completions');
    expect(sentTo(world).map((body) => body.includes('cache_control'))).toEqual([false, true]);
    expect(lastReceipt(world).shares.prompt_cache).toBeLessThan(0);
  });

  it('is not touched where the customer asks for it, or where it is killed', async () => {
    const own = claude(2, { cache_control: { type: 'ephemeral' } });
    const world = worldWith([answered(50, 0, 2_000), answered(50, 2_000, 0), answered(50, 2_000, 0)]);
    for (let again = 0; again < 3; again++) await ask(world, own);
    expect(new Set(sentTo(world))).toEqual(new Set([JSON.stringify(own)]));
    expect(world.recorder.closed.every(({ receipt }) => receipt!.savingPd === 0 && receipt!.inputs.steps.length === 0)).toBe(true);
    const dead = worldWith([answered(2_000, 0, 0), answered(2_000, 0, 0), answered(2_000, 0, 0)], { killed: true });
    for (const turns of [1, 2, 3]) await ask(dead, claude(turns));
    expect(sentTo(dead)).toEqual([1, 2, 3].map((turns) => JSON.stringify(claude(turns))));
  });

  it('is claimed nothing for where the provider did nothing with what it was asked', async () => {
    const world = worldWith([answered(2_000, 0, 0), answered(2_000, 0, 0)]);
    for (const turns of [1, 2]) await ask(world, claude(turns));
    expect(sentTo(world)[1]).toContain('cache_control');
    expect(lastReceipt(world)).toMatchObject({ savingPd: 0, inputs: { steps: [] } });
  });

  it('is named at the head of a stream, and its saving at the end', async () => {
    const world = worldWith([answered(2_000, 0, 0), streamed]);
    await ask(world, claude(1));
    const reply = await ask(world, claude(2, { stream: true }), 'messages', { 'x-apex-trailer': 'on' });
    expect(reply.headers).toMatchObject({ 'x-apex-mechanism': 'prompt_cache' });
    expect(reply.headers).not.toHaveProperty('x-apex-savings-usd');
    expect(reply.body).toContain('"savingsUsd":"0.004050000000"');
  });

  it('is no part of the baseline of an answer that is given again', async () => {
    const world = worldWith([answered(2_000, 0, 0), answered(50, 0, 2_000)]);
    await ask(world, claude(1, { temperature: 0 }));
    await ask(world, claude(2, { temperature: 0 }));
    const again = await ask(world, claude(2, { temperature: 0 }));
    expect(again.headers).toMatchObject({ 'x-apex-mechanism': 'exact_cache' });
    // As the customer sent it nothing would have been written or read.
    expect(lastReceipt(world).inputs.baseline.usage).toMatchObject({ promptTokens: 2_050, cachedTokens: 0, cacheWriteTokens: 0 });
  });
});

describe('the baseline of an answer that is given again, where the provider caches by itself', () => {
  const good = (cached: number): Script => ({ status: 200, chunks: [JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }], usage: { prompt_tokens: 2_000, completion_tokens: 10, total_tokens: 2_010, prompt_tokens_details: { cached_tokens: cached } } })] });
  const body = { ...chat(1, 'gpt-4o'), temperature: 0 };

  it.each([
    ['within the time to live', true, 60_000, 1_920],
    ['after it', true, 3_600_001, 0],
    ['after it, where others may have asked meanwhile', false, 3_600_001, 1_920],
  ])('grants its discount %s', async (_when, sole, pauseMs, cachedTokens) => {
    const world = worldWith([good(0)], { sole });
    await ask(world, body, 'chat.completions');
    world.now += pauseMs;
    expect((await ask(world, body, 'chat.completions')).headers['x-apex-mechanism']).toBe('exact_cache');
    expect(lastReceipt(world).inputs.baseline.usage).toMatchObject({ promptTokens: 2_000, cachedTokens });
  });

  it('gives a key to OpenAI itself, and to nobody who may not know it', async () => {
    const keyed = worldWith([good(0)]);
    await ask(keyed, chat(1, 'gpt-4o'), 'chat.completions');
    expect(sentTo(keyed)[0]).toMatch(/^\{"prompt_cache_key":"apex-[0-9a-f]{32}","model"/);
    const elsewhere = worldWith([good(0)], { env: { OPENAI_BASE_URL: 'http://localhost:8000/v1' } });
    await ask(elsewhere, chat(1, 'gpt-4o'), 'chat.completions');
    expect(sentTo(elsewhere)).toEqual([JSON.stringify(chat(1, 'gpt-4o'))]);
    const short = worldWith([good(0)]);
    await ask(short, { model: 'gpt-4o', messages: conversation(1) }, 'chat.completions');
    expect(sentTo(short)[0]).not.toContain('prompt_cache_key');
  });
});

describe('receipts of any run of requests', () => {
  it('have shares and overhead that add up to the saving exactly', async () => {
    const steps = fc.array(fc.record({ turns: fc.integer({ min: 1, max: 4 }), usage: fc.tuple(fc.nat(3_000), fc.nat(3_000), fc.nat(3_000)), fails: fc.boolean() }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(steps, async (sent) => {
        const world = worldWith(sent.flatMap(({ usage, fails }) => [...(fails ? [{ status: 400, chunks: ['{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'] }] : []), answered(...usage)]));
        for (const { turns, fails } of sent) for (let times = fails ? 2 : 1; times > 0; times--) await ask(world, claude(turns));
        for (const { receipt, record } of world.recorder.closed) {
          const { shares, overheadPd, baselinePd, actualPd, inputs } = receipt!;
          expect((shares.prompt_cache ?? 0) + overheadPd).toBe(baselinePd - actualPd);
          expect(actualPd).toBe(record.cost_pd);
          if (inputs.steps.length > 0) expect(overheadPd).toBe(0);
        }
      }),
      { numRuns: 40 },
    );
  });
});
