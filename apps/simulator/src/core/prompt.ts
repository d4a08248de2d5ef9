import { type Tokenizer } from './tokenizer.js';

/** A piece of a prompt: either real token ids, or `count` tokens that stand for something else (a picture, framing). */
export interface PromptSegment {
  readonly count: number;
  readonly ids: Uint32Array | null;
  /** Tells pieces without ids apart in the prefix cache. */
  readonly mark: number;
}

/** A prompt as the model reads it, in order, with its exact length. */
export class Prompt {
  readonly segments: PromptSegment[] = [];
  private total = 0;

  constructor(private readonly tokenizer: Tokenizer) {}

  get tokens(): number {
    return this.total;
  }

  text(text: string): this {
    if (text === '') return this;
    const ids = this.tokenizer.ids(text);
    return this.push({ count: ids.length, ids, mark: 0 });
  }

  /** Tokens without a text of their own. */
  filler(count: number, mark = 0): this {
    return count > 0 ? this.push({ count, ids: null, mark }) : this;
  }

  private push(segment: PromptSegment): this {
    this.segments.push(segment);
    this.total += segment.count;
    return this;
  }
}

const MOST_CHARACTERS_PER_TOKEN = 16;

/**
 * Tells in a time near zero whether texts are sure to be longer than `window` tokens: they have more words than the
 * window has tokens (no token spans two words), or more than 16 characters per token (prose has 4 to 5; only long runs
 * of one sign have more).
 */
export function obviouslyTooLong(texts: readonly string[], window: number): boolean {
  let characters = 0;
  for (const text of texts) characters += text.length;
  if (characters <= window) return false;
  if (characters > window * MOST_CHARACTERS_PER_TOKEN) return true;
  let words = 0;
  for (const text of texts) {
    let blank = true;
    for (let i = 0; i < text.length; i += 1) {
      const isBlank = text.charCodeAt(i) <= 32;
      if (blank && !isBlank && (words += 1) > window) return true;
      blank = isBlank;
    }
  }
  return false;
}
