import { type Fields } from '@apex/common';
import { type TokenUsage } from '@apex/usage';
import { type AnswerEvent, type PartDelta, type PartStart, type StopReason } from '../../dialogue/answer.js';
import { type SseEvent, type StreamEncoder, type StreamEncoderOptions } from '../../dialogue/codec.js';
import { type Signature } from '../../dialogue/conversation.js';
import { sealedId } from '../../dialogue/sealed-ids.js';
import { grownSignature, sealedSignature } from '../../dialogue/signatures.js';
import { ending, writeUsage } from './answer.js';
import { errorObject } from './errors.js';
import { writeAnthropicUsage } from './usage.js';

const OWN = 'anthropic-messages';

/**
 * Writes a stream for a client (platform.claude.com/docs/en/build-with-claude/streaming). Everything is told as it comes but
 * what the protocol tells at the end: why it stopped, the token counts, and the text of a refusal, all in `message_delta`.
 * `message_start` must hold counts as well; nobody knows them by then, so they are 0, and SDKs replace them by the
 * later ones. The first candidate alone is told, as this protocol's requests ask for one.
 */
export class AnthropicStreamEncoder implements StreamEncoder {
  private index = -1;
  private part: PartStart['type'] = 'text';
  /** Of thinking that is open: the whole signature. */
  private signature: Signature | null = null;
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
        return this.part === 'refusal' ? [] : [...this.sealed(), sse('content_block_stop', { index: this.index })];
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

  private message(id: string): Fields {
    return { id: id === '' ? this.options.id : id, type: 'message', role: 'assistant', model: this.options.model, content: [], stop_reason: null, stop_sequence: null, stop_details: null, container: null, usage: writeUsage(null) };
  }

  private startBlock(start: PartStart): readonly SseEvent[] {
    this.part = start.type;
    this.signature = null;
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
    if (delta.type !== 'signature') return [this.blockDelta(delta.type === 'arguments' ? { type: 'input_json_delta', partial_json: delta.text } : this.textDelta(delta.text))];
    this.signature = grownSignature(this.signature, delta.signature);
    return delta.signature.by === OWN ? [this.blockDelta({ type: 'signature_delta', signature: delta.signature.value })] : [];
  }

  /** Thinking that no provider of this protocol signed is sealed as a whole. */
  private sealed(): readonly SseEvent[] {
    const { signature } = this;
    if (this.part !== 'thinking' || signature?.by === OWN) return [];
    return [this.blockDelta({ type: 'signature_delta', signature: sealedSignature(signature, OWN) })];
  }

  private blockDelta(delta: Fields): SseEvent {
    return sse('content_block_delta', { index: this.index, delta });
  }

  private textDelta(text: string): Fields {
    return this.part === 'thinking' ? { type: 'thinking_delta', thinking: text } : { type: 'text_delta', text };
  }

  private messageDelta(): Fields {
    const { stop, usage } = this;
    return {
      delta: { ...ending(stop?.reason ?? 'stop', stop?.sequence ?? null, this.refusal), container: null },
      usage: usage === null ? { output_tokens: 0 } : writeAnthropicUsage(usage),
    };
  }
}

const sse = (type: string, members: Fields): SseEvent => ({ event: type, data: JSON.stringify({ type, ...members }) });

/** Null: a refusal, which is no block. */
function contentBlock(start: PartStart): Fields | null {
  switch (start.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'refusal':
      return null;
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: sealedSignature(start.data, OWN) };
    case 'tool_call':
      return { type: 'tool_use', id: sealedId(start.id, start.signature), name: start.name, input: {}, caller: { type: 'direct' } };
  }
}
