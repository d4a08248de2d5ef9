import { MAX_SSE_EVENT_BYTES, SseEventTooLarge } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type RelayStep, type StreamRelay } from './wire.js';

const LF = 0x0a;
const CR = 0x0d;

/** What one event of a protocol means to Apex. */
export interface EventVerdict {
  readonly usage?: TokenUsage;
  /** It ends the stream. */
  readonly done?: boolean;
  /** It tells of an error. */
  readonly failed?: boolean;
  /** The client is not to see it. */
  readonly drop?: boolean;
}

/** Reads a protocol's events on their way through. One object per stream. */
export interface EventReader {
  /** Where, at or after `from`, the first byte stands that can be of interest; -1: nowhere. It may be wrong in one way only: by naming a place that turns out not to be. */
  findInterest(bytes: Buffer, from: number): number;
  /** `data` is an event's payload; null: nothing of interest after all. */
  read(data: string): EventVerdict | null;
}

const NOTHING: readonly Buffer[] = [];

/**
 * Passes an event stream on while reading its usage (Server-Sent Events, WHATWG HTML 9.2.6).
 *
 * Bytes are never rewritten and leave with the read they came in; only an event that is still incomplete waits for its
 * rest, as no client could use it. Two things are kept back: events that the client is not to see, and the event that
 * ends the stream, with all that comes behind it.
 */
export class SseRelay implements StreamRelay {
  private carry: Buffer[] = [];
  private carried = 0;
  complete = false;
  failed = false;
  usage: TokenUsage | null = null;

  constructor(private readonly reader: EventReader) {}

  /** @throws SseEventTooLarge */
  push(chunk: Buffer): RelayStep {
    if (this.complete) return { forward: NOTHING, hold: [chunk] };
    const end = this.eventsEnd(chunk);
    if (end < 0) {
      this.keep(chunk);
      return { forward: NOTHING, hold: NOTHING };
    }
    const events = this.takeEvents(chunk, end);
    const interest = this.reader.findInterest(events, 0);
    const step = interest < 0 ? { forward: [events], hold: NOTHING } : this.readFrom(events, interest);
    if (end === chunk.length) return step;
    const rest = chunk.subarray(end);
    if (this.complete) return { forward: step.forward, hold: [...step.hold, rest] };
    this.keep(rest);
    return step;
  }

  /** A last event that never got its blank line: providers that end so mean it to be read. */
  finish(): RelayStep {
    if (this.carried === 0) return { forward: NOTHING, hold: NOTHING };
    const rest = Buffer.concat(this.carry);
    this.carry = [];
    this.carried = 0;
    return { forward: NOTHING, hold: this.inspect(rest) ? NOTHING : [rest] };
  }

  /** What was carried and the chunk up to `end`: whole events. */
  private takeEvents(chunk: Buffer, end: number): Buffer {
    const upToEnd = end === chunk.length ? chunk : chunk.subarray(0, end);
    if (this.carried === 0) return upToEnd;
    const events = Buffer.concat([...this.carry, upToEnd]);
    this.carry = [];
    this.carried = 0;
    return events;
  }

  /** Reads the events of interest, from the first on. */
  private readFrom(events: Buffer, firstInterest: number): RelayStep {
    const forward: Buffer[] = [];
    let runStart = 0;
    let interest = firstInterest;
    while (interest >= 0) {
      const start = eventStart(events, interest, runStart);
      const end = nextEventEnd(events, interest);
      const drop = this.inspect(events.subarray(start, end));
      if (drop || this.complete) {
        if (start > runStart) forward.push(events.subarray(runStart, start));
        runStart = drop ? end : start;
      }
      if (this.complete) return { forward, hold: [events.subarray(runStart)] };
      interest = end < events.length ? this.reader.findInterest(events, end) : -1;
    }
    if (runStart < events.length) forward.push(runStart === 0 ? events : events.subarray(runStart));
    return { forward, hold: NOTHING };
  }

  /** True when the event must not reach the client. */
  private inspect(event: Buffer): boolean {
    const verdict = this.reader.read(eventData(event));
    if (verdict === null) return false;
    if (verdict.usage !== undefined) this.usage = verdict.usage;
    if (verdict.done === true) this.complete = true;
    if (verdict.failed === true) this.failed = true;
    return verdict.drop === true;
  }

  private keep(bytes: Buffer): void {
    this.carry.push(bytes);
    this.carried += bytes.length;
    if (this.carried > MAX_SSE_EVENT_BYTES) throw new SseEventTooLarge(MAX_SSE_EVENT_BYTES);
  }

  /** Behind the last blank line in `chunk`, one that began in the carried bytes included; -1 if there is none. */
  private eventsEnd(chunk: Buffer): number {
    for (let at = chunk.lastIndexOf(LF); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(LF, at - 1)) {
      const before = this.byteBefore(chunk, at - 1);
      if (before === LF || (before === CR && this.byteBefore(chunk, at - 2) === LF)) return at + 1;
    }
    return -1;
  }

  /** The byte at `index` of `chunk`; below 0 it stands in what was carried. */
  private byteBefore(chunk: Buffer, index: number): number | undefined {
    if (index >= 0) return chunk[index];
    let at = index;
    for (let i = this.carry.length - 1; i >= 0; i--) {
      const part = this.carry[i]!;
      at += part.length;
      if (at >= 0) return part[at];
    }
    return undefined;
  }
}

/** The payload of an event: its `data` lines without their field name, joined by newlines. */
function eventData(event: Buffer): string {
  const text = event.toString('utf8');
  // The usual event: one data line and the blank one.
  if (text.startsWith('data: ') && text.indexOf('\n') === text.length - 2) return text.slice(6, -2);
  const data: string[] = [];
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) data.push(line.startsWith('data: ') ? line.slice(6) : line.slice(5));
  }
  return data.join('\n');
}

/** Where the event that holds byte `at` begins, not before `from`, which is an event's start. */
function eventStart(data: Buffer, at: number, from: number): number {
  for (let lf = data.lastIndexOf(LF, at); lf > from; lf = data.lastIndexOf(LF, lf - 1)) {
    if (data[lf - 1] === LF || (data[lf - 1] === CR && data[lf - 2] === LF)) return lf + 1;
  }
  return from;
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
