import { skipSpace, startsWith } from '../json/skip-value.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/** A longer answer is mostly one long text, which a parser reads faster than a loop over its bytes. */
const MAX_BYTES = 4_096;
const MAX_DEPTH = 16;

const texts = (...all: string[]): readonly Buffer[] => all.map((text) => Buffer.from(text));
const [CHOICES, ERROR, MESSAGE, FINISH_REASON, REFUSAL, ANNOTATIONS] = texts('choices', 'error', 'message', 'finish_reason', 'refusal', 'annotations') as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
const [TRUE, FALSE, NULL] = texts('true', 'false', 'null') as [Buffer, Buffer, Buffer];
const [STOP, TOOL_CALLS] = texts('"stop"', '"tool_calls"') as [Buffer, Buffer];

/** Of a choice: the names in it that count and may come once, as bits. */
const HAS_END = 1;
const HAS_MESSAGE = 2;
const HAS_REFUSAL = 4;
const HAS_ANNOTATIONS = 8;

/**
 * Whether the answer of a chat completion is surely JSON, complete and good, read from its bytes in one pass: no text and
 * no object is made, which takes half of the time that parsing does. False says nothing: then it has to be parsed.
 */
export const isPlainlyGood = (body: Buffer): boolean => body.length <= MAX_BYTES && new Walk(body).answer();

/** What is read: which names count in it. */
type Part = 'answer' | 'choice' | 'message' | 'other';

/** Strict (RFC 8259): what it has passed a parser takes. A name that is spelled with an escape, or that counts and comes twice, is not sure. */
class Walk {
  private at = 0;
  private depth = 0;
  /** How often the answer names its choices. */
  private choices = 0;
  /** What the choice that is being read has. */
  private seen = 0;

  constructor(private readonly json: Buffer) {}

  answer(): boolean {
    this.space();
    if (!this.object('answer') || this.choices !== 1) return false;
    this.space();
    return this.at === this.json.length;
  }

  /** Reads a member's value, whose name is `[from, to)`; false: not sure. */
  private member(of: Part, from: number, to: number): boolean {
    switch (of) {
      case 'answer':
        return this.ofAnswer(from, to);
      case 'choice':
        return this.ofChoice(from, to);
      case 'message':
        return this.ofMessage(from, to);
      case 'other':
        return this.value();
    }
  }

  private ofAnswer(from: number, to: number): boolean {
    if (this.isNamed(from, to, ERROR)) return this.word(NULL);
    if (!this.isNamed(from, to, CHOICES)) return this.value();
    this.choices++;
    return this.json[this.at] === OPEN_BRACKET && this.json[skipSpace(this.json, this.at + 1)] === OPEN_BRACE && this.array('choice');
  }

  private choice(): boolean {
    this.seen = 0;
    return this.object('choice') && (this.seen & HAS_END) !== 0;
  }

  private ofChoice(from: number, to: number): boolean {
    if (this.isNamed(from, to, ERROR)) return this.word(NULL);
    if (this.isNamed(from, to, FINISH_REASON)) return this.isFirst(HAS_END) && (this.word(STOP) || this.word(TOOL_CALLS));
    return this.isNamed(from, to, MESSAGE) ? this.isFirst(HAS_MESSAGE) && this.object('message') : this.value();
  }

  private ofMessage(from: number, to: number): boolean {
    if (this.isNamed(from, to, REFUSAL)) return this.isFirst(HAS_REFUSAL) && this.word(NULL);
    if (!this.isNamed(from, to, ANNOTATIONS)) return this.value();
    if (!this.isFirst(HAS_ANNOTATIONS)) return false;
    return this.word(NULL) || (this.json[this.at] === OPEN_BRACKET && this.json[skipSpace(this.json, this.at + 1)] === CLOSE_BRACKET && this.value());
  }

  private isFirst(part: number): boolean {
    const before = this.seen;
    this.seen |= part;
    return (before & part) === 0;
  }

  private isNamed(from: number, to: number, name: Buffer): boolean {
    return to - from === name.length && startsWith(this.json, from, name);
  }

  private object(part: Part): boolean {
    const { json } = this;
    if (json[this.at] !== OPEN_BRACE || ++this.depth > MAX_DEPTH) return false;
    let more = this.begun(CLOSE_BRACE);
    while (more === true) {
      const from = this.at + 1;
      if (!this.name()) return false;
      const to = this.at - 1;
      this.space();
      if (json[this.at] !== COLON) return false;
      this.at++;
      this.space();
      if (!this.member(part, from, to)) return false;
      more = this.another(CLOSE_BRACE);
    }
    this.depth--;
    return more === false;
  }

  private array(of: 'choice' | 'other'): boolean {
    if (++this.depth > MAX_DEPTH) return false;
    let more = this.begun(CLOSE_BRACKET);
    while (more === true) {
      if (!(of === 'choice' ? this.choice() : this.value())) return false;
      more = this.another(CLOSE_BRACKET);
    }
    this.depth--;
    return more === false;
  }

  /** Behind the opening bracket: whether anything is in it. */
  private begun(closer: number): boolean | null {
    this.at++;
    this.space();
    if (this.json[this.at] !== closer) return true;
    this.at++;
    return false;
  }

  /** Behind an entry: whether there is another; null: neither that nor the end. */
  private another(closer: number): boolean | null {
    this.space();
    const byte = this.json[this.at++];
    if (byte === closer) return false;
    if (byte !== COMMA) return null;
    this.space();
    return true;
  }

  private value(): boolean {
    switch (this.json[this.at]) {
      case QUOTE:
        return this.text();
      case OPEN_BRACE:
        return this.object('other');
      case OPEN_BRACKET:
        return this.array('other');
      case TRUE[0]:
        return this.word(TRUE);
      case FALSE[0]:
        return this.word(FALSE);
      case NULL[0]:
        return this.word(NULL);
      case undefined:
      default:
        return this.number();
    }
  }

  private word(word: Buffer): boolean {
    if (!startsWith(this.json, this.at, word)) return false;
    this.at += word.length;
    return true;
  }

  /** A text without an escape. */
  private name(): boolean {
    const { json } = this;
    if (json[this.at] !== QUOTE) return false;
    for (let at = this.at + 1; at < json.length; at++) {
      const byte = json[at]!;
      if (byte === QUOTE) {
        this.at = at + 1;
        return true;
      }
      if (byte < 0x20 || byte === BACKSLASH) return false;
    }
    return false;
  }

  private text(): boolean {
    const { json } = this;
    for (let at = this.at + 1; at < json.length; at++) {
      const byte = json[at]!;
      if (byte === QUOTE) {
        this.at = at + 1;
        return true;
      }
      if (byte < 0x20) return false;
      // A character by its number is for the parser.
      if (byte === BACKSLASH && !isEscaped(json[++at]!)) return false;
    }
    return false;
  }

  private number(): boolean {
    const { json } = this;
    if (json[this.at] === MINUS) this.at++;
    if (json[this.at] === ZERO) this.at++;
    else if (!this.digits()) return false;
    if (json[this.at] === POINT) {
      this.at++;
      if (!this.digits()) return false;
    }
    // An exponent, which no answer of a chat has, is for the parser.
    return (json[this.at]! | 0x20) !== 0x65;
  }

  private digits(): boolean {
    const { json, at: from } = this;
    let at = from;
    for (let byte = json[at]!; byte >= ZERO && byte <= ZERO + 9; byte = json[++at]!);
    this.at = at;
    return at > from;
  }

  private space(): void {
    // Mostly there is none.
    if (this.json[this.at]! <= 0x20) this.at = skipSpace(this.json, this.at);
  }
}

/** `"`, `\`, `/`, and the letters of b, f, n, r, t. */
const isEscaped = (byte: number): boolean => byte === QUOTE || byte === BACKSLASH || byte === 0x2f || byte === 0x62 || byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74;
