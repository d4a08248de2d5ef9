export type EncodingName = 'o200k_base' | 'cl100k_base';

interface ModelBase {
  /** The name that callers use. */
  readonly id: string;
  /** The dated version that answers; it is the `model` of a response. Callers may ask for it by this name too. */
  readonly snapshot: string;
  /** Unix seconds, as `GET /v1/models` shows them. */
  readonly created: number;
  /** Tokens. Of an embedding model: per input. */
  readonly contextWindow: number;
  readonly encoding: EncodingName;
  /** Milliseconds before the first token, at speed 1. */
  readonly firstTokenMs: number;
}

export interface ChatModel extends ModelBase {
  readonly kind: 'chat';
  readonly maxOutput: number;
  /** Thinks before it answers; its hidden tokens are billed as completion. */
  readonly reasoning: boolean;
  readonly perTokenMs: number;
  /** Prompt tokens of one image at low and at high (or auto) detail, for a picture of 1024 x 1024. */
  readonly image: { readonly low: number; readonly high: number };
}

export interface EmbeddingModel extends ModelBase {
  readonly kind: 'embedding';
  readonly dimensions: number;
  /** Whether a caller may ask for fewer dimensions. */
  readonly shortens: boolean;
}

export type Model = ChatModel | EmbeddingModel;

type ChatRow = [id: string, version: string, contextWindow: number, maxOutput: number, firstTokenMs: number, perTokenMs: number, low: number, high: number];

const day = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 1000;

const chat = (reasoning: boolean) => ([id, version, contextWindow, maxOutput, firstTokenMs, perTokenMs, low, high]: ChatRow): ChatModel => ({
  kind: 'chat', id, snapshot: `${id}-${version}`, created: day(version), contextWindow, maxOutput, encoding: 'o200k_base', firstTokenMs, perTokenMs, reasoning, image: { low, high },
});

const embedding = (id: string, created: string, dimensions: number, shortens: boolean): EmbeddingModel => ({
  kind: 'embedding', id, snapshot: id, created: day(created), contextWindow: 8192, encoding: 'cl100k_base', firstTokenMs: 60, dimensions, shortens,
});

/**
 * Names, windows and output limits are OpenAI's (platform.openai.com/docs/models); latencies are typical ones.
 * Every name has a price in @pydantic/genai-prices; a test holds that.
 */
export const MODELS: readonly Model[] = Object.freeze([
  ...([
    ['gpt-4o', '2024-08-06', 128_000, 16_384, 400, 11, 85, 765],
    ['gpt-4o-mini', '2024-07-18', 128_000, 16_384, 320, 9, 2833, 25_501],
    ['gpt-4.1', '2025-04-14', 1_047_576, 32_768, 450, 12, 85, 765],
    ['gpt-4.1-mini', '2025-04-14', 1_047_576, 32_768, 350, 9, 1659, 1659],
    ['gpt-4.1-nano', '2025-04-14', 1_047_576, 32_768, 220, 5, 2520, 2520],
  ] satisfies ChatRow[]).map(chat(false)),
  ...([
    ['gpt-5', '2025-08-07', 400_000, 128_000, 700, 11, 70, 630],
    ['gpt-5-mini', '2025-08-07', 400_000, 128_000, 500, 8, 1659, 1659],
    ['gpt-5-nano', '2025-08-07', 400_000, 128_000, 350, 5, 2520, 2520],
    ['gpt-5.1', '2025-11-13', 400_000, 128_000, 700, 11, 70, 630],
    ['o3', '2025-04-16', 200_000, 100_000, 900, 12, 75, 675],
    ['o3-mini', '2025-01-31', 200_000, 100_000, 600, 7, 75, 675],
    ['o4-mini', '2025-04-16', 200_000, 100_000, 600, 8, 1761, 1761],
  ] satisfies ChatRow[]).map(chat(true)),
  embedding('text-embedding-3-small', '2024-01-22', 1536, true),
  embedding('text-embedding-3-large', '2024-01-22', 3072, true),
  embedding('text-embedding-ada-002', '2022-12-16', 1536, false),
]);

const byName = new Map<string, Model>(MODELS.flatMap((model) => [[model.id, model], [model.snapshot, model]]));

/** The model of that name or dated name. */
export const findModel = (name: string): Model | undefined => byName.get(name);
