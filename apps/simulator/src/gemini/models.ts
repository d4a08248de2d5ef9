import { type ChatModel } from '../core/catalogue.js';

export interface GeminiModel extends ChatModel {
  readonly displayName: string;
  /** Bounds of `thinkingBudget`, beside -1 (as it likes) and, where it may be off, 0. */
  readonly budget: { readonly least: number; readonly most: number; readonly mayBeOff: boolean };
  /** Whether it thinks when nothing is said about it. */
  readonly thinksByDefault: boolean;
}

/** Tokens of a picture of 1024 x 1024: four tiles. */
const IMAGE = 1_032;

const model = (id: string, displayName: string, firstTokenMs: number, perTokenMs: number, budget: GeminiModel['budget'], thinksByDefault: boolean): GeminiModel => ({
  kind: 'chat', id, snapshot: id, displayName, created: Date.parse('2025-06-17T00:00:00Z') / 1000, contextWindow: 1_048_576, maxOutput: 65_536, encoding: 'o200k_base',
  firstTokenMs, perTokenMs, reasoning: true, image: { low: IMAGE, high: IMAGE }, budget, thinksByDefault,
});

/**
 * Names, limits and thinking budgets are Google's (ai.google.dev/gemini-api/docs/models and /thinking); latencies are
 * typical ones. Their tokenizer is not public: OpenAI's stands in for it. Every name has a price in @pydantic/genai-prices.
 */
export const GEMINI_MODELS: readonly GeminiModel[] = Object.freeze([
  model('gemini-2.5-pro', 'Gemini 2.5 Pro', 1_200, 9, { least: 128, most: 32_768, mayBeOff: false }, true),
  model('gemini-2.5-flash', 'Gemini 2.5 Flash', 400, 5, { least: 1, most: 24_576, mayBeOff: true }, true),
  model('gemini-2.5-flash-lite', 'Gemini 2.5 Flash-Lite', 250, 3, { least: 512, most: 24_576, mayBeOff: true }, false),
]);

const byName = new Map(GEMINI_MODELS.map((entry) => [entry.id, entry]));

export const findGemini = (name: string): GeminiModel | undefined => byName.get(name);
