import { type Fields, isFields } from '@apex/common';

const ZERO = 0x30;
const NINE = 0x39;
/** So many digits are a number exactly. */
const MAX_DIGITS = 15;
const MAX_BYTES = 1_024;
/** A longer text may be something that was said: it is nothing to remember. */
const MAX_TEXT = 64;

/** Where a number of the text stands in the value. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly name: string;
}

/**
 * The end of a JSON object that was parsed once. An end that differs from it in nothing but whole numbers is the same
 * object with other numbers: they are put in, and nothing is parsed: less than half of the time.
 */
export class TailTemplate {
  private constructor(
    /** The object; its numbers are those of the last end that fitted. */
    readonly value: Fields,
    /** What stands before, between and behind the numbers. */
    private readonly texts: readonly Buffer[],
    private readonly places: readonly Place[],
  ) {}

  /** @param json an object, its opening brace included, which `fill` is not shown; null where it is none, or is not to be remembered */
  static of(json: string): TailTemplate | null {
    if (json.length > MAX_BYTES) return null;
    const tokens = [...json.matchAll(TOKENS)];
    if (tokens.some(([token]) => token.startsWith('"') && token.length > MAX_TEXT)) return null;
    const numbers = tokens.filter(([token]) => WHOLE.test(token));
    // What stays as it is must not be taken for a mark.
    if (numbers.length === 0 || tokens.some(([token]) => !WHOLE.test(token) && Number(token) >= MARK)) return null;
    // With a different number in each place their places in the object can be told.
    let marked = '';
    const texts: Buffer[] = [];
    let end = 0;
    for (const [index, { 0: token, index: start }] of numbers.entries()) {
      const text = json.slice(end, start);
      texts.push(Buffer.from(end === 0 ? text.slice(1) : text));
      marked += `${text}${MARK + index}`;
      end = start + token.length;
    }
    texts.push(Buffer.from(json.slice(end)));
    const value: unknown = JSON.parse(marked + json.slice(end));
    if (!isFields(value)) return null;
    const places: Place[] = [];
    findMarks(value, places);
    // A name that stands twice hides one.
    for (let i = 0; i < numbers.length; i++) if (places[i] === undefined) return null;
    return new TailTemplate(value, texts, places);
  }

  /** Whether the end of `body` from `from` on is this one but for its numbers, which `value` then has. */
  fill(body: Buffer, from: number): boolean {
    const { texts, places } = this;
    let at = from;
    for (let i = 0; ; i++) {
      const text = texts[i]!;
      const { length } = text;
      for (let j = 0; j < length; j++) if (body[at + j] !== text[j]) return false;
      at += length;
      if (i === places.length) return at === body.length;
      const start = at;
      let number = 0;
      for (let byte = body[at]!; byte >= ZERO && byte <= NINE; byte = body[at]!) {
        number = number * 10 + byte - ZERO;
        at++;
      }
      const digits = at - start;
      if (digits === 0 || digits > MAX_DIGITS || (digits > 1 && body[start] === ZERO)) return false;
      const { holder, name } = places[i]!;
      holder[name] = number;
    }
  }
}

/** Texts, which may hold digits, and numbers (RFC 8259), in a text that is JSON. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const WHOLE = /^\d{1,15}$/;
const MARK = 700_000_000_000_000;

function findMarks(value: object, places: Place[]): void {
  const holder = value as Record<string, unknown>;
  for (const name of Object.keys(holder)) {
    const inside = holder[name];
    if (typeof inside === 'object' && inside !== null) findMarks(inside, places);
    else if (typeof inside === 'number' && inside >= MARK) places[inside - MARK] = { holder, name };
  }
}
