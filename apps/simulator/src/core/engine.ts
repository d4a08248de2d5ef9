import { type Clock } from '@apex/common';
import { type Breakpoint, BreakpointCache, type CacheUse } from './breakpoint-cache.js';
import { type ChatModel, type Model } from './catalogue.js';
import { FaultDesk } from './faults.js';
import { type Answer } from './generation.js';
import { type Timeline, timelineOf, tokensAt } from './latency.js';
import { type Ledger, type TokenCounts } from './ledger.js';
import { PrefixCache } from './prefix-cache.js';
import { type Prompt } from './prompt.js';
import { randomFrom, seedOf } from './random.js';

export interface EngineOptions {
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** Multiplies all latencies. */
  readonly speed: number;
  /** Of the random faults and the jitter. */
  readonly seed: number;
}

/** What the simulated provider is, apart from any wire protocol. */
export class Engine {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly faults: FaultDesk;
  private readonly prefixes: PrefixCache;
  private readonly breakpoints: BreakpointCache;
  private readonly speed: number;
  private readonly seed: number;

  constructor(options: EngineOptions) {
    this.clock = options.clock;
    this.ledger = options.ledger;
    this.speed = options.speed;
    this.seed = options.seed;
    this.faults = new FaultDesk(randomFrom(options.seed));
    this.prefixes = new PrefixCache(options.clock);
    this.breakpoints = new BreakpointCache(options.clock);
  }

  /** Reads the prompt: how much of it this caller had in the model's prompt cache. */
  cachedTokens(caller: string, model: ChatModel, prompt: Prompt): number {
    return this.prefixes.use(`${caller}\n${model.id}`, prompt);
  }

  /** The same for a cache that is written at breakpoints of the caller's choice only; see BreakpointCache. */
  useCache(caller: string, model: ChatModel, prompt: Prompt, blockEnds: readonly number[], breakpoints: readonly Breakpoint[], minimum: number): CacheUse {
    return this.breakpoints.use(`${caller}\n${model.id}`, prompt, blockEnds, breakpoints, minimum);
  }

  timeline(model: Model, uncachedPromptTokens: number, identity: string): Timeline {
    return this.speed === 0 ? INSTANT : timelineOf(model, uncachedPromptTokens, randomFrom(this.seed ^ seedOf(identity)), this.speed);
  }
}

const INSTANT: Timeline = Object.freeze({ firstTokenMs: 0, perTokenMs: 0 });

/** The whole bill of some answers to one prompt. */
export const fullUsage = (prompt: TokenCounts, answers: readonly Answer[]): TokenCounts => withCompletion(
  prompt,
  answers.reduce((sum, answer) => sum + answer.reasoningTokens + answer.visibleTokens, 0),
  answers.reduce((sum, answer) => sum + answer.reasoningTokens, 0),
);

/** The bill as far as generation had come after that time. All answers are written at once, each thinks first. */
export function usageAt(prompt: TokenCounts, answers: readonly Answer[], timeline: Timeline, elapsedMs: number): TokenCounts {
  const reached = tokensAt(timeline, elapsedMs);
  let completion = 0;
  let reasoning = 0;
  for (const answer of answers) {
    completion += Math.min(reached, answer.reasoningTokens + answer.visibleTokens);
    reasoning += Math.min(reached, answer.reasoningTokens);
  }
  return withCompletion(prompt, completion, reasoning);
}

export const withCompletion = (prompt: TokenCounts, completionTokens: number, reasoningTokens: number): TokenCounts => ({ ...prompt, completionTokens, reasoningTokens });

/** Tokens of the longest answer: it decides when a response that is not streamed is ready. */
export const longestAnswer = (answers: readonly Answer[]): number => answers.reduce((most, answer) => Math.max(most, answer.reasoningTokens + answer.visibleTokens), 0);
