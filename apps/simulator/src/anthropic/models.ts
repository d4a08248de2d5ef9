import { type ChatModel } from '../core/catalogue.js';

export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max';

export interface ClaudeModel extends ChatModel {
  readonly displayName: string;
  /** Fewest tokens that a prompt cache entry can have. */
  readonly cacheMinimum: number;
  /** Levels of `output_config.effort`; none: the parameter is refused. */
  readonly efforts: readonly Effort[];
  /** Whether it decides by itself how much to think (`thinking.type: adaptive`). */
  readonly adaptive: boolean;
  /** Whether it continues an assistant message that the request ends with. */
  readonly prefill: boolean;
}

type Row = [id: string, date: string | null, displayName: string, created: string, contextWindow: number, firstTokenMs: number, perTokenMs: number, efforts: readonly Effort[], adaptive: boolean];

/** A picture of 1024 x 1024, by Anthropic's width x height / 750. */
const IMAGE = 1_398;

/**
 * Names, windows and output limits are Anthropic's (platform.claude.com/docs/en/about-claude/models/overview); latencies
 * are typical ones. Their tokenizer is not public: OpenAI's stands in for it. The cache minimum is 1,024 for all of them;
 * the real one is 4,096 for some. Every name has a price in @pydantic/genai-prices; a test holds that.
 */
export const CLAUDE_MODELS: readonly ClaudeModel[] = Object.freeze(([
  ['claude-sonnet-4-5', '20250929', 'Claude Sonnet 4.5', '2025-09-29', 200_000, 900, 14, [], false],
  ['claude-opus-4-5', '20251101', 'Claude Opus 4.5', '2025-11-24', 200_000, 1_100, 17, ['low', 'medium', 'high'], false],
  ['claude-haiku-4-5', '20251001', 'Claude Haiku 4.5', '2025-10-15', 200_000, 450, 7, [], false],
  ['claude-sonnet-4-6', null, 'Claude Sonnet 4.6', '2026-02-17', 1_000_000, 900, 14, ['low', 'medium', 'high', 'max'], true],
] satisfies Row[]).map(([id, date, displayName, created, contextWindow, firstTokenMs, perTokenMs, efforts, adaptive]: Row): ClaudeModel => ({
  kind: 'chat',
  id,
  snapshot: date === null ? id : `${id}-${date}`,
  displayName,
  created: Date.parse(`${created}T00:00:00Z`) / 1000,
  contextWindow,
  maxOutput: 64_000,
  encoding: 'o200k_base',
  firstTokenMs,
  perTokenMs,
  reasoning: true,
  image: { low: IMAGE, high: IMAGE },
  cacheMinimum: 1_024,
  efforts,
  adaptive,
  prefill: !adaptive,
})));

const byName = new Map(CLAUDE_MODELS.flatMap((model) => [[model.id, model], [model.snapshot, model]] as const));

/** The model of that name or dated name. */
export const findClaude = (name: string): ClaudeModel | undefined => byName.get(name);
