const LF = 0x0a;
const CR = 0x0d;
const DONE = Buffer.from('[DONE]');
const USAGE = Buffer.from('"usage"');
const ERROR_EVENT = Buffer.from('"error"');

/** An event longer than this is no event: the stream is refused rather than held in memory. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

export class SseEventTooLarge extends Error {}

/** What is to be done with the bytes of one read from the provider. */
export interface RelayStep {
  /** Goes to the client at once. */
  readonly forward: readonly Buffer[];
  /** Stays until the request is in the books: everything from the read that holds `[DONE]` on. */
  readonly hold: readonly Buffer[];
}

const NOTHING: readonly Buffer[] = [];

/**
 * Passes an OpenAI event stream on while reading its usage (Server-Sent Events, WHATWG HTML 9.2.6).
 *
 * Bytes are never rewritten and leave with the read they came in; only an event that is still incomplete waits for its
 * rest, as no client could use it. Two things are kept back: the extra usage chunk where the client did not ask for it,
 * and the read that ends the stream.
 */
export class SseRelay {
  private carry: Buffer | null = null;
  private done = false;
  private usageObject: unknown = undefined;
  private errorSeen = false;

  constructor(private readonly stripUsageChunk: boolean) {}

  /** The last usage object seen, as the provider wrote it; undefined when none came. */
  get usage(): unknown {
    return this.usageObject;
  }

  /** The provider said `[DONE]`. */
  get complete(): boolean {
    return this.done;
  }

  /** The provider told of an error inside the stream. */
  get failed(): boolean {
    return this.errorSeen;
  }

  push(chunk: Buffer): RelayStep {
    if (this.done) return { forward: NOTHING, hold: [chunk] };
    const data = this.carry === null ? chunk : Buffer.concat([this.carry, chunk]);
    this.carry = null;
    const out: Buffer[] = [];
    let runStart = 0;
    let at = 0;
    // The quick way: a read of whole events without anything of interest in them passes as it is.
    const end = lastEventEnd(data);
    if (end < data.length) {
      this.carry = data.subarray(end);
      if (this.carry.length > MAX_EVENT_BYTES) throw new SseEventTooLarge(`an event of more than ${MAX_EVENT_BYTES} bytes`);
    }
    if (end === 0) return { forward: NOTHING, hold: NOTHING };
    const complete = end === data.length ? data : data.subarray(0, end);
    const interesting = complete.includes(DONE) || complete.includes(USAGE) || complete.includes(ERROR_EVENT);
    if (!interesting) return { forward: [complete], hold: NOTHING };

    while (at < complete.length) {
      const eventEnd = nextEventEnd(complete, at);
      const drop = this.inspect(complete.subarray(at, eventEnd));
      if (drop) {
        if (at > runStart) out.push(complete.subarray(runStart, at));
        runStart = eventEnd;
      }
      at = eventEnd;
    }
    if (runStart < complete.length) out.push(complete.subarray(runStart));
    if (!this.done) return { forward: out, hold: NOTHING };
    if (this.carry !== null) {
      out.push(this.carry);
      this.carry = null;
    }
    return { forward: NOTHING, hold: out };
  }

  /** The bytes of a last event that never got its blank line; providers that end so mean it to be read. */
  finish(): Buffer | null {
    const rest = this.carry;
    this.carry = null;
    if (rest === null) return null;
    return this.inspect(rest) ? null : rest;
  }

  /** Reads one event; true when it must not reach the client. */
  private inspect(event: Buffer): boolean {
    const hasDone = event.includes(DONE);
    if (!hasDone && !event.includes(USAGE) && !event.includes(ERROR_EVENT)) return false;
    const data = eventData(event);
    if (data === '[DONE]') {
      this.done = true;
      return false;
    }
    let parsed: { usage?: unknown; choices?: unknown; error?: unknown };
    try {
      parsed = JSON.parse(data) as typeof parsed;
    } catch {
      return false;
    }
    if (parsed === null || typeof parsed !== 'object') return false;
    if (parsed.error !== undefined && parsed.error !== null) this.errorSeen = true;
    if (parsed.usage === undefined || parsed.usage === null) return false;
    this.usageObject = parsed.usage;
    return this.stripUsageChunk && Array.isArray(parsed.choices) && parsed.choices.length === 0;
  }
}

/** The payload of an event: its `data` lines without their field name, joined by newlines. */
function eventData(event: Buffer): string {
  const lines = event.toString('utf8').split(/\r\n|\n|\r/);
  const data: string[] = [];
  for (const line of lines) {
    if (!line.startsWith('data:')) continue;
    data.push(line.startsWith('data: ') ? line.slice(6) : line.slice(5));
  }
  return data.join('\n');
}

/** Behind the last blank line of `data`, or 0. */
function lastEventEnd(data: Buffer): number {
  let at = data.length - 1;
  while ((at = data.lastIndexOf(LF, at)) >= 0) {
    if (data[at - 1] === LF || (data[at - 1] === CR && data[at - 2] === LF)) return at + 1;
    at--;
    if (at < 0) break;
  }
  return 0;
}

/** Behind the first blank line at or after `from`, or the end. */
function nextEventEnd(data: Buffer, from: number): number {
  let at = from;
  while ((at = data.indexOf(LF, at)) >= 0) {
    if (data[at + 1] === LF) return at + 2;
    if (data[at + 1] === CR && data[at + 2] === LF) return at + 3;
    at++;
  }
  return data.length;
}
