import { type Fields, fieldsOf, isFields } from '@apex/common';
import { AnthropicUsageMeter, readOpenAiUsage, readResponsesUsage } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type EventReader, type EventVerdict } from './sse-relay.js';

const COLON = 0x3a;
const N = 0x6e;

const done: EventVerdict = { done: true };
const failed: EventVerdict = { failed: true };

function parse(data: string): Fields | null {
  try {
    const value: unknown = JSON.parse(data);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

/** Chat completions: usage in a chunk without choices before `[DONE]`, or in the last choice's as some providers have it. */
export class ChatReader implements EventReader {
  constructor(private readonly stripUsageChunk: boolean) {}

  findInterest(bytes: Buffer, from: number): number {
    return earliest(bytes.indexOf(DONE, from), earliest(findMember(bytes, USAGE, from), findMember(bytes, ERROR, from)));
  }

  read(data: string): EventVerdict | null {
    if (data === '[DONE]') return done;
    const chunk = parse(data);
    if (chunk === null) return null;
    const isError = chunk['error'] !== undefined && chunk['error'] !== null;
    const usage = readOpenAiUsage(chunk['usage']);
    if (usage === null) return isError ? failed : null;
    const { choices } = chunk;
    return { usage, failed: isError, drop: this.stripUsageChunk && Array.isArray(choices) && choices.length === 0 };
  }
}

/** The responses API: the last event holds the whole response with its usage. */
export class ResponsesReader implements EventReader {
  findInterest(bytes: Buffer, from: number): number {
    return RESPONSES_ENDS.reduce((first, name) => earliest(first, bytes.indexOf(name, from)), -1);
  }

  read(data: string): EventVerdict | null {
    const event = parse(data);
    switch (event?.['type']) {
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed': {
        const response = fieldsOf(event['response']);
        return verdict(readResponsesUsage(response['usage']), event['type'] === 'response.failed');
      }
      case 'error':
        return { failed: true, done: true };
      default:
        return null;
    }
  }
}

/** Anthropic's messages: usage in `message_start` and, cumulative, in `message_delta`; `message_stop` ends it. */
export class MessagesReader implements EventReader {
  private readonly meter = new AnthropicUsageMeter();

  findInterest(bytes: Buffer, from: number): number {
    return MESSAGES_EVENTS.reduce((first, name) => earliest(first, bytes.indexOf(name, from)), -1);
  }

  read(data: string): EventVerdict | null {
    const event = parse(data);
    switch (event?.['type']) {
      // Good only together with the end: a stream that is cut before it has generated more than this.
      case 'message_start':
        this.meter.merge(fieldsOf(event['message'])['usage']);
        return null;
      case 'message_delta':
        this.meter.merge(event['usage']);
        return null;
      case 'message_stop':
        return verdict(this.meter.usage(), false);
      case 'error':
        return { failed: true, done: true };
      default:
        return null;
    }
  }
}

const verdict = (usage: TokenUsage | null, isFailed: boolean): EventVerdict => ({ done: true, failed: isFailed, ...(usage === null ? {} : { usage }) });

const earliest = (a: number, b: number): number => (a < 0 ? b : b < 0 ? a : Math.min(a, b));

const DONE = Buffer.from('[DONE]');
const USAGE = Buffer.from('"usage"');
const ERROR = Buffer.from('"error"');
const RESPONSES_ENDS = ['"response.completed"', '"response.incomplete"', '"response.failed"', '"error"'].map((text) => Buffer.from(text));
const MESSAGES_EVENTS = ['"message_start"', '"message_delta"', '"message_stop"', '"error"'].map((text) => Buffer.from(text));

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
