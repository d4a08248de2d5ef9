import { type Fields, fieldsOf, isFields } from '@apex/common';
import { type AnswerEvent, type PartDelta, type PartStart } from '../../dialogue/answer.js';
import { ProtocolViolation, type SseEvent, type StreamDecoder } from '../../dialogue/codec.js';
import { parseEventData } from '../../dialogue/event-data.js';
import { ENDED_EARLY } from '../../dialogue/provider-errors.js';
import { openedId } from '../../dialogue/sealed-ids.js';
import { openedData, openedSignature } from '../../dialogue/signatures.js';
import { isWritable } from '../../dialogue/wire-schemas.js';
import { readStopReason } from './answer.js';
import { decodeError } from './errors.js';
import { AnthropicUsageMeter } from './usage.js';

const OWN = 'anthropic-messages';

interface OpenBlock {
  /** The provider's number of it. */
  readonly index: number;
  readonly type: PartStart['type'];
  /** The input of a call that came whole with its start, as some providers send it; told unless deltas come. */
  readonly input: string;
  told: boolean;
}

/**
 * Reads a provider's stream (platform.claude.com/docs/en/build-with-claude/streaming). Events of a type that is not known
 * are passed over, as its versioning asks; blocks and deltas that are not known are violations, for they are content.
 */
export class AnthropicStreamDecoder implements StreamDecoder {
  private readonly meter = new AnthropicUsageMeter();
  private started = false;
  private stopped = false;
  private over = false;
  private open: OpenBlock | null = null;
  private parts = 0;

  push({ event, data }: SseEvent): readonly AnswerEvent[] {
    if (this.over || event === 'ping') return [];
    const body = parseEventData(data);
    const type = typeof body['type'] === 'string' ? body['type'] : (event ?? '');
    if (type === 'error') return this.end({ type: 'error', error: decodeError(null, body) });
    if (type === 'message_start') return this.start(body);
    if (!this.started && KNOWN.has(type)) throw new ProtocolViolation(`${type} before message_start`);
    switch (type) {
      case 'content_block_delta':
        return this.delta(body);
      case 'content_block_start':
        return this.startBlock(body);
      case 'content_block_stop':
        return this.stopBlock(body);
      case 'message_delta':
        return this.messageDelta(body);
      case 'message_stop':
        if (!this.stopped) throw new ProtocolViolation('message_stop without a stop_reason');
        return this.end({ type: 'end' });
      default:
        return [];
    }
  }

  /** A stream that told why it stopped is whole, also where its last event is missing. */
  finish(): readonly AnswerEvent[] {
    if (this.over) return [];
    if (this.stopped) return this.end({ type: 'end' });
    return this.end({ type: 'error', error: ENDED_EARLY });
  }

  private end(last: AnswerEvent): readonly AnswerEvent[] {
    this.over = true;
    return [last];
  }

  private start(body: Fields): readonly AnswerEvent[] {
    if (this.started) throw new ProtocolViolation('a second message_start');
    const message = member(body, 'message');
    this.started = true;
    this.meter.merge(message['usage']);
    return [{ type: 'start', id: text(message, 'id'), model: text(message, 'model'), created: 0 }, ...this.usage()];
  }

  private usage(): readonly AnswerEvent[] {
    const usage = this.meter.usage();
    return usage === null ? [] : [{ type: 'usage', usage }];
  }

  private startBlock(body: Fields): readonly AnswerEvent[] {
    if (this.open !== null || this.stopped) throw new ProtocolViolation('content_block_start out of turn');
    const block = member(body, 'content_block');
    const start = partStart(block);
    const input = start.type === 'tool_call' && isWritable(block['input']) && Object.keys(block['input']).length > 0 ? JSON.stringify(block['input']) : '{}';
    this.open = { index: number(body, 'index'), type: start.type, input, told: false };
    const events: AnswerEvent[] = [{ type: 'part_start', candidate: 0, part: this.parts, start }];
    // As a rule empty, and then nothing is to be told.
    const said = start.type === 'text' ? block['text'] : start.type === 'thinking' ? block['thinking'] : '';
    if (typeof said === 'string' && said !== '') events.push(this.deltaEvent({ type: 'text', text: said }));
    const signature = start.type === 'thinking' ? block['signature'] : '';
    if (typeof signature === 'string') events.push(...this.signature(signature));
    return events;
  }

  private deltaEvent(delta: PartDelta): AnswerEvent {
    return { type: 'delta', candidate: 0, part: this.parts, delta };
  }

  private delta(body: Fields): readonly AnswerEvent[] {
    const { open } = this;
    if (open === null || open.index !== body['index']) throw new ProtocolViolation('content_block_delta of a block that is not open');
    const delta = member(body, 'delta');
    const type = delta['type'];
    if (type === 'text_delta' && open.type === 'text') return this.told(open, { type: 'text', text: text(delta, 'text') });
    if (type === 'input_json_delta' && open.type === 'tool_call') return this.told(open, { type: 'arguments', text: text(delta, 'partial_json') });
    if (type === 'thinking_delta' && open.type === 'thinking') return this.told(open, { type: 'text', text: text(delta, 'thinking') });
    if (type === 'signature_delta' && open.type === 'thinking') return this.signature(text(delta, 'signature'));
    // Citations come where documents were sent with citations switched on, which translated requests never are.
    if (type === 'citations_delta' && open.type === 'text') return [];
    throw new ProtocolViolation(`a delta '${String(type).slice(0, 64)}' in a ${open.type} block`);
  }

  private told(open: OpenBlock, delta: PartDelta): readonly AnswerEvent[] {
    if (delta.type !== 'signature' && delta.text === '') return [];
    open.told = true;
    return [this.deltaEvent(delta)];
  }

  private signature(told: string): readonly AnswerEvent[] {
    const signature = told === '' ? null : openedSignature(told, OWN);
    return signature === null ? [] : [this.deltaEvent({ type: 'signature', signature })];
  }

  private stopBlock(body: Fields): readonly AnswerEvent[] {
    const { open } = this;
    if (open === null || open.index !== body['index']) throw new ProtocolViolation('content_block_stop of a block that is not open');
    const untold = open.type === 'tool_call' && !open.told ? [this.deltaEvent({ type: 'arguments', text: open.input })] : [];
    this.open = null;
    return [...untold, { type: 'part_end', candidate: 0, part: this.parts++ }];
  }

  /** May come more than once; the one that has a `stop_reason` ends the answer. */
  private messageDelta(body: Fields): readonly AnswerEvent[] {
    const delta = fieldsOf(body['delta']);
    this.meter.merge(body['usage']);
    const reason = delta['stop_reason'];
    if (typeof reason !== 'string' || this.stopped) return this.usage();
    if (this.open !== null) throw new ProtocolViolation('a stop_reason within a block');
    this.stopped = true;
    const sequence = delta['stop_sequence'];
    return [...this.refusal(delta['stop_details']), { type: 'stop', candidate: 0, reason: readStopReason(reason), stopSequence: typeof sequence === 'string' ? sequence : null }, ...this.usage()];
  }

  /** Why the provider declined, as in whole answers. */
  private refusal(details: unknown): readonly AnswerEvent[] {
    const explanation = isFields(details) ? details['explanation'] : null;
    if (typeof explanation !== 'string' || explanation === '') return [];
    return [{ type: 'part_start', candidate: 0, part: this.parts, start: { type: 'refusal' } }, this.deltaEvent({ type: 'text', text: explanation }), { type: 'part_end', candidate: 0, part: this.parts++ }];
  }
}

const KNOWN = new Set(['content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);

function partStart(block: Fields): PartStart {
  switch (block['type']) {
    case 'text':
    case 'thinking':
      return { type: block['type'] };
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: openedData(text(block, 'data'), OWN) };
    case 'tool_use':
      return { type: 'tool_call', ...openedId(text(block, 'id')), name: text(block, 'name') };
    default:
      throw new ProtocolViolation(`a block '${String(block['type']).slice(0, 64)}' that nothing asked for`);
  }
}

function member(body: Fields, name: string): Fields {
  const value = body[name];
  if (!isFields(value)) throw new ProtocolViolation(`'${name}' is not an object`);
  return value;
}

function text(body: Fields, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new ProtocolViolation(`'${name}' is not a string`);
  return value;
}

function number(body: Fields, name: string): number {
  const value = body[name];
  if (typeof value !== 'number') throw new ProtocolViolation(`'${name}' is not a number`);
  return value;
}
