import { readOpenAiUsage } from '@apex/llm';
import { type EventReader, type EventVerdict } from './sse-relay.js';

const DONE = Buffer.from('[DONE]');
const USAGE = Buffer.from('"usage"');
const ERROR = Buffer.from('"error"');
const COLON = 0x3a;
const N = 0x6e;

const done: EventVerdict = { done: true };
const failed: EventVerdict = { failed: true };

/** Chat completions: usage in a chunk without choices before `[DONE]`, or in the last choice's as some providers have it. */
export class ChatReader implements EventReader {
  constructor(private readonly stripUsageChunk: boolean) {}

  findInterest(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(DONE, from);
    const usage = findMember(bytes, USAGE, from);
    const error = findMember(bytes, ERROR, from);
    let first = end;
    if (usage >= 0 && (first < 0 || usage < first)) first = usage;
    if (error >= 0 && (first < 0 || error < first)) first = error;
    return first;
  }

  read(data: string): EventVerdict | null {
    if (data === '[DONE]') return done;
    let chunk: { usage?: unknown; choices?: unknown; error?: unknown } | null;
    try {
      chunk = JSON.parse(data) as typeof chunk;
    } catch {
      return null;
    }
    if (chunk === null || typeof chunk !== 'object') return null;
    const isError = chunk.error !== undefined && chunk.error !== null;
    const usage = readOpenAiUsage(chunk.usage);
    if (usage === null) return isError ? failed : null;
    return { usage, failed: isError, drop: this.stripUsageChunk && Array.isArray(chunk.choices) && chunk.choices.length === 0 };
  }
}

/** The first place where a member of this name has a value that is not `null`; asked for usage, OpenAI writes `null` into every chunk. */
function findMember(bytes: Buffer, name: Buffer, from: number): number {
  for (let at = bytes.indexOf(name, from); at >= 0; at = bytes.indexOf(name, at + name.length)) {
    let next = at + name.length;
    while (bytes[next]! <= 0x20) next++;
    if (bytes[next] !== COLON) continue;
    next++;
    while (bytes[next]! <= 0x20) next++;
    if (bytes[next] !== N) return at;
  }
  return -1;
}
