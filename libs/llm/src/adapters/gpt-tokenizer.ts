import { type CountText, countChat, countTexts, encodingOf } from '../core/token-count.js';

/** Counts tokens where a provider reports none. Synchronous; bounded in time whatever the text holds. */
export interface Tokenizer {
  countTokens(model: string, text: string): number;
  /** The prompt of a chat request's parsed body. Tolerant: it never throws. */
  countChatTokens(model: string, body: unknown): number;
}

let loading: Promise<Tokenizer> | null = null;

/** The tokenizer, loaded when it is first asked for (some 0.4 s and 90 MB) and shared from then on. */
export function loadTokenizer(): Promise<Tokenizer> {
  loading ??= load().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(): Promise<Tokenizer> {
  const [o200k, cl100k] = await Promise.all([import('gpt-tokenizer/encoding/o200k_base'), import('gpt-tokenizer/encoding/cl100k_base')]);
  // What looks like a control token in a caller's text is text.
  const asText = { disallowedSpecial: new Set<string>() };
  const counters: Record<ReturnType<typeof encodingOf>, CountText> = {
    o200k_base: (text) => o200k.countTokens(text, asText),
    cl100k_base: (text) => cl100k.countTokens(text, asText),
  };
  return {
    countTokens: (model, text) => countTexts([text], counters[encodingOf(model)]),
    countChatTokens: (model, body) => countChat(body, counters[encodingOf(model)]),
  };
}
