import { GenaiPriceBook, llmConfig, llmEnvSchema, ProviderRegistry } from '@apex/llm';
import { ActivePolicies, DEFAULT_POLICY, type PolicySnapshot } from '@apex/policy';
import { cost, NO_TOKENS, type QuotedRates, type Receipt, type UsageRecordRow } from '@apex/usage';
import { tokenizerFor } from '../../apps/simulator/src/core/tokenizer.js';
import { PromptCaching } from '../../libs/gateway/src/core/prompt-cache/prompt-caching.js';
import { createWorld, FakeReply } from '../../libs/gateway/src/core/pipeline.fakes.js';
import { optimalSaving } from './optimum.js';
import { SimulatedUpstream } from './simulated.js';
import { type Sent, type Style } from './workload.js';

export interface Replayed {
  readonly records: readonly UsageRecordRow[];
  readonly receipts: readonly Receipt[];
  /** What reached the provider, in order. */
  readonly bodies: readonly Buffer[];
  /** What the customer sent. */
  readonly sent: readonly Buffer[];
  readonly headers: readonly Readonly<Record<string, string>>[];
  /** Picodollars: had nothing been cached, as it was, and as it could have been at the best. */
  readonly uncachedPd: number;
  readonly paidPd: number;
  readonly optimumPd: number;
}

export interface Arm {
  readonly promptCache: boolean;
  readonly controlPpm?: number;
  readonly sole?: boolean;
}

class OnePolicy extends ActivePolicies {
  constructor(private readonly arm: Arm) {
    super();
  }
  of(): PolicySnapshot {
    const { mechanisms } = DEFAULT_POLICY;
    const document = { ...DEFAULT_POLICY, experiment: { controlPpm: this.arm.controlPpm ?? 0 }, mechanisms: { ...mechanisms, prompt_cache: { ...mechanisms.prompt_cache, enabled: this.arm.promptCache } } };
    return { id: '01956c00-0000-7000-8000-00000000beef', version: 1, customerId: null, document };
  }
  secretAt(): Buffer {
    return Buffer.alloc(32, 3);
  }
}

/** Sends a workload through the gateway's pipeline to the simulated provider, at the workload's own times. */
export async function replay(style: Style, workload: readonly Sent[], arm: Arm): Promise<Replayed> {
  const upstream = new SimulatedUpstream(await tokenizerFor('o200k_base'), Date.UTC(2026, 10, 1));
  const { clock } = upstream;
  const startMs = clock.now();
  const prices = new GenaiPriceBook();
  const promptCache = new PromptCaching({ prices, now: () => clock.now(), sole: arm.sole ?? false });
  // OpenAI's and Anthropic's own addresses: nothing goes there.
  const providers = new ProviderRegistry(llmConfig(llmEnvSchema.parse({})).providers);
  const world = createWorld([], { upstream, policies: new OnePolicy(arm), promptCache, prices, providers, now: () => clock.now() });
  const sent: Buffer[] = [];
  const replies: FakeReply[] = [];
  for (const { atMs, session, body } of workload) {
    clock.advance(startMs + atMs - clock.now());
    world.now = clock.now();
    const bytes = Buffer.from(JSON.stringify(body));
    const reply = new FakeReply(world.log);
    sent.push(bytes);
    replies.push(reply);
    world.ask(bytes, { surface: style === 'anthropic' ? 'messages' : 'chat.completions', headers: { 'x-apex-session': session }, reply });
    await reply.finished;
  }
  await world.settled();
  const records = world.recorder.closed.map(({ record }) => record);
  const rates = ratesOf(prices, records[0]!, startMs);
  const uncachedPd = records.reduce((sum, { prompt_tokens: promptTokens, completion_tokens: completionTokens }) => sum + cost({ ...NO_TOKENS, promptTokens, completionTokens }, rates), 0);
  const input = rates.input!;
  return {
    records,
    receipts: world.recorder.closed.flatMap(({ receipt }) => (receipt === null ? [] : [receipt])),
    bodies: upstream.bodies,
    sent,
    headers: replies.map(({ headers }) => headers),
    uncachedPd,
    paidPd: records.reduce((sum, { cost_pd: pd }) => sum + pd, 0),
    optimumPd: optimalSaving(upstream.reads, { read: rates.cacheRead! / input, write: rates.cacheWrite! / input }) * input,
  };
}

function ratesOf(prices: GenaiPriceBook, { provider, served_model: model, prompt_tokens: promptTokens }: UsageRecordRow, atMs: number): QuotedRates {
  const rates = prices.rates(provider!, model!, promptTokens, atMs);
  if (rates?.denominator !== 1) throw new Error(`${model} has no whole price`);
  return rates;
}
