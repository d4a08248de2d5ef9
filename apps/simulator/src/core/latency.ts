import { type Model } from './catalogue.js';
import { type Random } from './random.js';

/** When tokens come, in ms from the moment the request was accepted. All zero at speed 0. */
export interface Timeline {
  readonly firstTokenMs: number;
  readonly perTokenMs: number;
}

const PER_PROMPT_TOKEN_MS = 0.02;

/**
 * Reading the uncached prompt, the wait for the first token, the pace after it; each with a jitter of -20% to +20% that
 * depends on the request alone. `speed` multiplies everything: 1 is realistic, 0 instant.
 */
export function timelineOf(model: Model, uncachedPromptTokens: number, random: Random, speed: number): Timeline {
  const jitter = (): number => 0.8 + 0.4 * random();
  return {
    firstTokenMs: speed * (model.firstTokenMs * jitter() + uncachedPromptTokens * PER_PROMPT_TOKEN_MS),
    perTokenMs: model.kind === 'chat' ? speed * model.perTokenMs * jitter() : 0,
  };
}

/** How many tokens of one answer exist after that time. */
export function tokensAt(timeline: Timeline, elapsedMs: number): number {
  if (elapsedMs < timeline.firstTokenMs) return 0;
  return timeline.perTokenMs === 0 ? Infinity : 1 + Math.floor((elapsedMs - timeline.firstTokenMs) / timeline.perTokenMs);
}

/** When the given token (the first is 1) is there. */
export const timeOf = (timeline: Timeline, token: number): number => timeline.firstTokenMs + Math.max(0, token - 1) * timeline.perTokenMs;
