import { type Fields, isFields } from '@apex/common';
import { type AnswerEvent, type ProviderError } from '../../dialogue/answer.js';
import { ProtocolViolation, type SseEvent, type StreamDecoder } from '../../dialogue/codec.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { parseEventData } from '../../dialogue/event-data.js';
import { ENDED_EARLY } from '../../dialogue/provider-errors.js';
import { decodeStreamedError } from '../openai/errors.js';
import { readHead, readStop } from './answer.js';
import { ItemReader } from './item-reader.js';
import { PartSequence } from './part-sequence.js';
import { readResponsesUsage } from './usage.js';

/**
 * Reads a stream of developers.openai.com/api/reference/resources/responses/streaming-events. Deltas go out as they come.
 * The full texts that `done` events repeat, and the whole answer at the end, are used only for what no delta brought.
 * Events that say nothing of the answer, or that nobody knows yet, are passed over.
 */
export class ResponsesStreamDecoder implements StreamDecoder {
  private readonly parts = new PartSequence();
  /** By their place in the answer; a server that gives one place twice means the item that is open there. */
  private readonly items = new Map<number, ItemReader>();
  private readonly told: ItemReader[] = [];
  private begun = false;
  private over = false;

  push(event: SseEvent): readonly AnswerEvent[] {
    // Compatible servers send chat completions' last word here, too.
    if (this.over || event.data === '[DONE]') return [];
    const data = parseEventData(event.data);
    const type = typeof data['type'] === 'string' ? data['type'] : (event.event ?? '');
    switch (type) {
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        return this.begin(responseOf(data));
      case 'response.completed':
        return this.end('completed', responseOf(data));
      case 'response.incomplete':
        return this.end('incomplete', responseOf(data));
      case 'response.failed':
        return this.failed(responseOf(data));
      case 'error':
        return this.broken(decodeStreamedError(data));
      default:
        // Servers in front of the provider have no event for it.
        if (type === '' && isFields(data['error'])) return this.broken(decodeStreamedError(data));
        this.item(type, data);
        return this.parts.take();
    }
  }

  finish(): readonly AnswerEvent[] {
    return this.over ? [] : this.broken(ENDED_EARLY);
  }

  private begin(response: Fields): AnswerEvent[] {
    if (this.begun) return [];
    this.begun = true;
    return [{ type: 'start', ...readHead(response) }];
  }

  private item(type: string, data: Fields): void {
    if (!ITEM_EVENT.test(type)) return;
    if (!this.begun) throw new ProtocolViolation(`The stream does not begin with the response but with ${type.slice(0, 100)}.`);
    const index = data['output_index'];
    if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) throw new ProtocolViolation(`${type.slice(0, 100)} does not say which item it belongs to.`);
    if (type === 'response.output_item.added') this.add(index, data['item']);
    else if (type === 'response.output_item.done') this.whole(index, data['item']);
    else {
      const item = this.items.get(index);
      if (item === undefined) throw new ProtocolViolation(`${type.slice(0, 100)} belongs to an item that has not begun.`);
      item.push(type, data);
    }
  }

  private add(index: number, item: unknown): ItemReader {
    if (this.items.get(index)?.ended === false) throw new ProtocolViolation(`Item ${index} begins twice.`);
    const reader = new ItemReader(this.parts, item);
    this.items.set(index, reader);
    this.told.push(reader);
    return reader;
  }

  private whole(index: number, item: unknown): void {
    (this.items.get(index) ?? this.add(index, item)).finish(item);
  }

  private end(status: 'completed' | 'incomplete', response: Fields): AnswerEvent[] {
    const start = this.begin(response);
    this.over = true;
    const output: readonly unknown[] = Array.isArray(response['output']) ? response['output'] : [];
    if (this.told.length === 0) output.forEach((item, index) => this.whole(index, item));
    for (const [index, item] of this.items) item.close(output[index]);
    const said: { type: AssistantPart['type'] }[] = this.told.flatMap((item) => item.told.map((type) => ({ type })));
    return [
      ...start,
      ...this.parts.take(),
      { type: 'stop', candidate: 0, reason: readStop(status, response, said), stopSequence: null },
      ...usageEvents(response),
      { type: 'end' },
    ];
  }

  /** What a failed answer has cost is told, too. */
  private failed(response: Fields): AnswerEvent[] {
    const start = this.begin(response);
    return [...start, ...usageEvents(response), ...this.broken(decodeStreamedError({ error: response['error'] ?? {} }))];
  }

  private broken(error: ProviderError): AnswerEvent[] {
    this.over = true;
    return [{ type: 'error', error }];
  }
}

/** Those that belong to an item and say something of it. */
const ITEM_EVENT = /^response\.(?:output_item|content_part|output_text|refusal|function_call_arguments|reasoning_summary_text|reasoning_text)\.(?:added|delta|done)$/;

function responseOf(data: Fields): Fields {
  if (!isFields(data['response'])) throw new ProtocolViolation('An event of the stream has no response.');
  return data['response'];
}

function usageEvents(response: Fields): AnswerEvent[] {
  const usage = readResponsesUsage(response['usage']);
  return usage === null ? [] : [{ type: 'usage', usage }];
}
