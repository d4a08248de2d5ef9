import { type Fields } from '@apex/common';
import { type AnswerEvent, type PartDelta, type PartStart, type ProviderError, type StopReason } from '../../dialogue/answer.js';
import { type SseEvent, type StreamEncoder, type StreamEncoderOptions } from '../../dialogue/codec.js';
import { type AssistantPart, type Signature } from '../../dialogue/conversation.js';
import { grownSignature } from '../../dialogue/signatures.js';
import { errorObject } from '../openai/errors.js';
import { cutOff, endingOf, itemId, outputItem, outputText, responseObject, type ResponseState } from './output-items.js';
import { writeUsage } from './usage.js';

/** The part that is being told. What it holds so far is kept, for its last events repeat it. */
interface OpenItem {
  readonly start: PartStart;
  readonly place: { readonly item_id: string; readonly output_index: number };
  text: string;
  signature: Signature | null;
}

type TextEvents = 'output_text' | 'refusal' | 'function_call_arguments' | 'reasoning_summary_text';

/**
 * Writes a stream of developers.openai.com/api/reference/resources/responses/streaming-events: each part is an item of the
 * output. A signature has no event of its own and comes with its item's end. There is one answer in a stream: candidates but
 * the first cannot be asked for.
 */
export class ResponsesStreamEncoder implements StreamEncoder {
  private sequence = 0;
  private id: string;
  private created: number;
  private started = false;
  private readonly output: Fields[] = [];
  private readonly kinds: { readonly type: AssistantPart['type'] }[] = [];
  private open: OpenItem | null = null;
  private stop: StopReason = 'stop';
  private usage: Fields | null = null;

  constructor(private readonly options: StreamEncoderOptions) {
    this.id = options.id;
    this.created = options.created;
  }

  push(event: AnswerEvent): readonly SseEvent[] {
    if ('candidate' in event && event.candidate !== 0) return [];
    switch (event.type) {
      case 'start':
        return this.start(event.id, event.created);
      case 'part_start':
        return this.begin(event.start);
      case 'delta':
        return this.open === null ? [] : this.delta(this.open, event.delta);
      case 'part_end':
        return this.open === null ? [] : this.end(this.open);
      case 'stop':
        this.stop = event.reason;
        return [];
      case 'usage':
        this.usage = writeUsage(event.usage);
        return [];
      case 'end':
        return this.complete();
      case 'error':
        return this.fail(event.error);
    }
  }

  private start(id: string, created: number): SseEvent[] {
    if (id !== '') this.id = id;
    if (created > 0) this.created = created;
    this.started = true;
    const response = this.response({ status: 'in_progress', output: [], usage: null });
    return [this.event('response.created', { response }), this.event('response.in_progress', { response })];
  }

  private begin(start: PartStart): SseEvent[] {
    const place = { item_id: itemId(this.id, start.type, this.output.length), output_index: this.output.length };
    this.open = { start, place, text: '', signature: null };
    const events = [this.event('response.output_item.added', { item: begun(start, place.item_id), output_index: place.output_index })];
    if (start.type === 'text' || start.type === 'refusal') events.push(this.event('response.content_part.added', { content_index: 0, ...place, part: contentPart(start.type, '') }));
    return events;
  }

  private delta(open: OpenItem, delta: PartDelta): SseEvent[] {
    if (delta.type === 'signature') {
      open.signature = grownSignature(open.signature, delta.signature);
      return [];
    }
    const first = open.text === '';
    open.text += delta.text;
    if (delta.text === '') return [];
    switch (open.start.type) {
      case 'text':
        return [this.textEvent('output_text', 'delta', open, { content_index: 0, delta: delta.text, logprobs: [] })];
      case 'refusal':
        return [this.textEvent('refusal', 'delta', open, { content_index: 0, delta: delta.text })];
      case 'tool_call':
        return [this.textEvent('function_call_arguments', 'delta', open, { delta: delta.text })];
      case 'thinking': {
        const opening = first ? [this.event('response.reasoning_summary_part.added', { ...open.place, summary_index: 0, part: { type: 'summary_text', text: '' } })] : [];
        return [...opening, this.textEvent('reasoning_summary_text', 'delta', open, { summary_index: 0, delta: delta.text })];
      }
      case 'redacted_thinking':
        return [];
    }
  }

  private end(open: OpenItem): SseEvent[] {
    this.open = null;
    const events = open.start.type === 'tool_call' && open.text === '' ? this.delta(open, { type: 'arguments', text: '{}' }) : [];
    const { place, text } = open;
    switch (open.start.type) {
      case 'text':
        events.push(this.textEvent('output_text', 'done', open, { content_index: 0, logprobs: [], text }), this.event('response.content_part.done', { content_index: 0, ...place, part: contentPart('text', text) }));
        break;
      case 'refusal':
        events.push(this.textEvent('refusal', 'done', open, { content_index: 0, refusal: text }), this.event('response.content_part.done', { content_index: 0, ...place, part: contentPart('refusal', text) }));
        break;
      case 'tool_call':
        events.push(this.textEvent('function_call_arguments', 'done', open, { arguments: open.text }));
        break;
      case 'thinking':
        if (text !== '') events.push(this.textEvent('reasoning_summary_text', 'done', open, { summary_index: 0, text }), this.event('response.reasoning_summary_part.done', { ...place, summary_index: 0, part: { type: 'summary_text', text } }));
        break;
      case 'redacted_thinking':
        break;
    }
    const item = outputItem(ended(open), place.item_id, 'completed');
    this.output.push(item);
    this.kinds.push({ type: open.start.type });
    return [...events, this.event('response.output_item.done', { item, output_index: place.output_index })];
  }

  private complete(): SseEvent[] {
    const { status, incomplete_details, cut } = endingOf(this.stop, this.kinds);
    const last = this.output.at(-1);
    const output = cut && last !== undefined ? [...this.output.slice(0, -1), cutOff(last)] : this.output;
    return [this.event(`response.${status}`, { response: this.response({ status, incomplete_details, output, usage: this.usage }) })];
  }

  /** OpenAI sends the error in an object of its own, its documentation has it flat: both are said. Then the response has failed. */
  private fail(error: ProviderError): SseEvent[] {
    const { message, code, param } = error;
    const events = [this.event('error', { error: errorObject(error), code, message, param })];
    if (this.started) events.push(this.event('response.failed', { response: this.response({ status: 'failed', error: failureOf(error), output: this.output, usage: this.usage }) }));
    return events;
  }

  private textEvent(name: TextEvents, what: 'delta' | 'done', open: OpenItem, members: Fields): SseEvent {
    return this.event(`response.${name}.${what}`, { ...open.place, ...members });
  }

  private response(state: Pick<ResponseState, 'status' | 'output' | 'usage'> & Partial<ResponseState>): Fields {
    return responseObject({ incomplete_details: null, error: null, ...state, id: this.id, model: this.options.model, created: this.created });
  }

  private event(type: string, members: Fields): SseEvent {
    const data = JSON.stringify({ type, sequence_number: this.sequence, ...members });
    this.sequence += 1;
    return { event: type, data };
  }
}

/** `error` of a response that failed: one of the codes of `ResponseError`. */
function failureOf(error: ProviderError): Fields {
  const code = error.kind === 'rate_limit' ? 'rate_limit_exceeded' : error.httpStatus >= 400 && error.httpStatus < 500 ? 'invalid_prompt' : 'server_error';
  return { code, message: error.message };
}

const contentPart = (type: 'text' | 'refusal', text: string): Fields => (type === 'text' ? outputText(text) : { type: 'refusal', refusal: text });

/** An item of which nothing but its beginning is known. */
function begun(start: PartStart, id: string): Fields {
  switch (start.type) {
    case 'text':
    case 'refusal':
      return { id, type: 'message', status: 'in_progress', content: [], role: 'assistant' };
    case 'thinking':
      return { id, type: 'reasoning', summary: [] };
    case 'redacted_thinking':
      return outputItem(start, id, 'in_progress');
    case 'tool_call':
      return outputItem({ ...start, arguments: '' }, id, 'in_progress');
  }
}

function ended({ start, text, signature }: OpenItem): AssistantPart {
  switch (start.type) {
    case 'text':
    case 'refusal':
      return { type: start.type, text };
    case 'thinking':
      return { type: 'thinking', text, signature };
    case 'redacted_thinking':
      return start;
    case 'tool_call':
      return { ...start, arguments: text };
  }
}
