import { BoundedMap } from './bounded-map.js';
import { type EncodingName } from './catalogue.js';

interface Encoding {
  encode(text: string, options: { allowedSpecial: Set<string>; disallowedSpecial: Set<string> }): number[];
  decodeGenerator(ids: Iterable<number>): Generator<string, void, void>;
}

// What looks like a special token in a prompt is plain text, as it is for the provider.
const PLAIN = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
const MEMO_WEIGHT = 32_000_000;
const RUN_LIMIT = 1_000;

/** Counts as the models do (gpt-tokenizer), and remembers repeated texts within a bound of about 64 MB. */
export class Tokenizer {
  private readonly memo = new BoundedMap<Uint32Array>(MEMO_WEIGHT, (ids, text) => text.length + 4 * ids.length);

  constructor(private readonly encoding: Encoding) {}

  /** The text's token ids. Shared: not to be changed. */
  ids(text: string): Uint32Array {
    const known = this.memo.get(text);
    if (known) return known;
    const parts = splitLongRuns(text);
    const ids = Uint32Array.from(parts.length === 1 ? this.encoding.encode(text, PLAIN) : parts.flatMap((part) => this.encoding.encode(part, PLAIN)));
    this.memo.set(text, ids);
    return ids;
  }

  count(text: string): number {
    return text === '' ? 0 : this.ids(text).length;
  }

  /** The text token by token. A character that takes several tokens stays whole, so there may be fewer pieces than tokens. */
  pieces(text: string): string[] {
    return [...this.encoding.decodeGenerator(this.ids(text))].filter((piece) => piece !== '');
  }
}

const loaded = new Map<EncodingName, Promise<Tokenizer>>();

/** The process' one tokenizer of that encoding; its ranks (some MB) are read at the first call. */
export function tokenizerFor(name: EncodingName): Promise<Tokenizer> {
  let tokenizer = loaded.get(name);
  if (!tokenizer) {
    tokenizer = (name === 'o200k_base' ? import('gpt-tokenizer/encoding/o200k_base') : import('gpt-tokenizer/encoding/cl100k_base'))
      .then((encoding) => new Tokenizer(encoding));
    loaded.set(name, tokenizer);
  }
  return tokenizer;
}

/**
 * The encoder takes quadratic time over one unbroken run of letters, signs or blanks (100,000 letters: 5 s). Runs of
 * 1,000 and more are encoded in slices; a slice's edge may cost a token that a real tokenizer would have saved.
 */
function splitLongRuns(text: string): string[] {
  if (text.length < RUN_LIMIT) return [text];
  const parts: string[] = [];
  let start = 0;
  let run = 0;
  let before = -1;
  for (let i = 0; i < text.length; i += 1) {
    const kind = kindOf(text.charCodeAt(i));
    run = kind === before ? run + 1 : 1;
    before = kind;
    if (run >= RUN_LIMIT && !isHighSurrogate(text.charCodeAt(i))) {
      parts.push(text.slice(start, i + 1));
      start = i + 1;
      run = 0;
    }
  }
  if (start < text.length) parts.push(text.slice(start));
  return parts;
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code < 0xdc00;

/** 0 blank, 1 digit (the encoder splits those by itself, so every other class counts as a break), 2 letter, 3 sign. */
function kindOf(code: number): number {
  if (code <= 32 || code === 0xa0) return 0;
  if (code < 128) {
    if (code >= 48 && code <= 57) return 1;
    return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) ? 2 : 3;
  }
  return (code >= 0x2000 && code <= 0x206f) || (code >= 0x3000 && code <= 0x303f) || (code >= 0xff00 && code <= 0xff0f) ? 3 : 2;
}
