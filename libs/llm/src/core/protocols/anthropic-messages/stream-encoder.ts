import { type TokenUsage } from '@apex/usage';
import { type AnswerEvent, type PartDelta, type PartStart, type StopReason } from '../../dialogue/answer.js';
import { type SseEvent, type StreamEncoder, type StreamEncoderOptions } from '../../dialogue/codec.js';
import { sealedId } from '../../dialogue/sealed-ids.js';
import { ending, writeUsage } from './answer.js';
import { errorObject } from './errors.js';
import { writeAnthropicUsage } from './usage.js';

/**
 * Writes a stream for a client (platform.claude.com/docs/en/build-with-claude/streaming). Everything is told as it comes but
 * what the protocol tells at the end: why it stopped, the token counts, and the text of a refusal, all in `message_delta`.
 * `message_start` must hold counts as well; nobody knows them by then, so they are 0, and SDKs replace them by the
 * later ones. The first candidate alone is told, as this protocol's requests ask for one.
 */
export class AnthropicStreamEncoder implements StreamEncoder {
  private index = -1;
  private part: PartStart['type'] = 'text';
  private refusal = '';
  private stop: { readonly reason: StopReason; readonly sequence: string | null } | null = null;
  private usage: TokenUsage | null = null;

  constructor(private readonly options: StreamEncoderOptions) {}

  push(event: AnswerEvent): readonly SseEvent[] {
    if ('candidate' in event && event.candidate !== 0) return [];
    switch (event.type) {
      case 'start':
        return [sse('message_start', { message: this.message(event.id) })];
      case 'part_start':
        return this.startBlock(event.start);
      case 'delta':
        return this.delta(event.delta);
      case 'part_end':
        return this.part === 'refusal' ? [] : [sse('content_block_stop', { index: this.index })];
      case 'stop':
        this.stop = { reason: event.reason, sequence: event.stopSequence };
        return [];
      case 'usage':
        this.usage = event.usage;
        return [];
      case 'end':
        return [sse('message_delta', this.messageDelta()), sse('message_stop', {})];
      case 'error':
        return [sse('error', { error: errorObject(event.error) })];
    }
  }

  private message(id: string): Readonly<Record<string, unknown>> {
    return { id: id === '' ? this.options.id : id, type: 'message', role: 'assistant', model: this.options.model, content: [], stop_reason: null, stop_sequence: null, stop_details: null, container: null, usage: writeUsage(null) };
  }

  private startBlock(start: PartStart): readonly SseEvent[] {
    this.part = start.type;
    const block = contentBlock(start);
    if (block === null) return [];
    this.index += 1;
    return [sse('content_block_start', { index: this.index, content_block: block })];
  }

  private delta(delta: PartDelta): readonly SseEvent[] {
    if (this.part === 'refusal') {
      if (delta.type === 'text') this.refusal += delta.text;
      return [];
    }
    return [sse('content_block_delta', { index: this.index, delta: this.contentDelta(delta) })];
  }

  private contentDelta(delta: PartDelta): Readonly<Record<string, unknown>> {
    switch (delta.type) {
      case 'text':
        return this.part === 'thinking' ? { type: 'thinking_delta', thinking: delta.text } : { type: 'text_delta', text: delta.text };
      case 'arguments':
        return { type: 'input_json_delta', partial_json: delta.text };
      case 'signature':
        return { type: 'signature_delta', signature: delta.signature };
    }
  }

  private messageDelta(): Readonly<Record<string, unknown>> {
    const { stop, usage } = this;
    return {
      delta: { ...ending(stop?.reason ?? 'stop', stop?.sequence ?? null, this.refusal), container: null },
      usage: usage === null ? { output_tokens: 0 } : writeAnthropicUsage(usage),
    };
  }
}

const sse = (type: string, members: Readonly<Record<string, unknown>>): SseEvent => ({ event: type, data: JSON.stringify({ type, ...members }) });

/** Null: a refusal, which is no block. */
function contentBlock(start: PartStart): Readonly<Record<string, unknown>> | null {
  switch (start.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'refusal':
      return null;
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: start.data };
    case 'tool_call':
      return { type: 'tool_use', id: sealedId(start.id, start.signature), name: start.name, input: {}, caller: { type: 'direct' } };
  }
}
