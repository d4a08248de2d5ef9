import { type Fields, fieldsOf, isFields } from '@apex/common';
import { AnthropicUsageMeter, readOpenAiUsage, readResponsesUsage } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type EventReader, type EventVerdict } from './sse-relay.js';

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
    return find(CHAT_INTEREST, bytes, from);
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
    return find(RESPONSES_INTEREST, bytes, from);
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
    return find(MESSAGES_INTEREST, bytes, from);
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

/** The end, and the members `usage` and `error` with a value that is not `null`: asked for usage, OpenAI writes `null` into every chunk. */
const CHAT_INTEREST = /\[DONE\]|"(?:usage|error)"[\x00-\x20]*:[\x00-\x20]*[^\x00-\x20n]/g;
const RESPONSES_INTEREST = /"(?:response\.(?:completed|incomplete|failed)|error)"/g;
const MESSAGES_INTEREST = /"(?:message_(?:start|delta|stop)|error)"/g;

/** Bytes as text of as many characters: one pass of an expression takes a sixth of what `Buffer.indexOf` does for each name. */
function find(interest: RegExp, bytes: Buffer, from: number): number {
  interest.lastIndex = 0;
  const found = interest.exec(bytes.toString('latin1', from));
  return found === null ? -1 : from + found.index;
}
