import { type Fields } from '@apex/common';
import { type AnswerEvent, type PartDelta, type PartStart } from '../../dialogue/answer.js';
import { type SseEvent, type StreamEncoder, type StreamEncoderOptions } from '../../dialogue/codec.js';
import { type Signature } from '../../dialogue/conversation.js';
import { grownSignature, sealedSignature } from '../../dialogue/signatures.js';
import { encodeError } from './errors.js';
import { malformedCall, writeFinishReason } from './finish-reason.js';
import { writeModelPart } from './model-parts.js';
import { writeGeminiUsage } from './usage.js';

/**
 * Writes a stream as `streamGenerateContent?alt=sse` does. Text and thoughts go out as they come. A function call is whole in
 * Gemini's protocol, so its arguments wait for its end; a refusal is the `finishMessage`, so it waits for the stop; the usage
 * stands in the chunks with a stop, and in one more where it comes after them.
 */
export class GeminiStreamEncoder implements StreamEncoder {
  private readonly candidates = new Map<number, CandidateWriter>();
  private id: string;
  private usage: Fields | null = null;

  constructor(private readonly options: StreamEncoderOptions) {
    this.id = options.id;
  }

  push(event: AnswerEvent): readonly SseEvent[] {
    switch (event.type) {
      case 'start':
        if (event.id !== '') this.id = event.id;
        return [];
      case 'part_start':
        return this.said(event.candidate, this.candidate(event.candidate).begin(event.start));
      case 'delta':
        return this.said(event.candidate, this.candidate(event.candidate).grow(event.delta));
      case 'part_end':
        return this.said(event.candidate, this.candidate(event.candidate).end());
      case 'stop': {
        const ending = this.candidate(event.candidate).stop(writeFinishReason(event.reason));
        return [this.chunk({ candidates: [{ content: { parts: ending.parts, role: 'model' }, ...ending.finish, index: event.candidate }], ...this.takeUsage() })];
      }
      case 'usage':
        this.usage = writeGeminiUsage(event.usage);
        return [];
      case 'end':
        return this.usage === null ? [] : [this.chunk(this.takeUsage())];
      case 'error':
        return [{ event: null, data: JSON.stringify(encodeError(event.error, this.id)) }];
    }
  }

  private candidate(index: number): CandidateWriter {
    const known = this.candidates.get(index);
    if (known !== undefined) return known;
    const created = new CandidateWriter();
    this.candidates.set(index, created);
    return created;
  }

  private said(index: number, part: Fields | null): readonly SseEvent[] {
    return part === null ? [] : [this.chunk({ candidates: [{ content: { parts: [part], role: 'model' }, index }] })];
  }

  private takeUsage(): Fields {
    const { usage } = this;
    this.usage = null;
    return usage === null ? {} : { usageMetadata: usage };
  }

  private chunk(content: Fields): SseEvent {
    return { event: null, data: JSON.stringify({ ...content, modelVersion: this.options.model, responseId: this.id }) };
  }
}

/** One candidate's parts. Each method gives the part to send, if there is one. */
class CandidateWriter {
  private start: PartStart | null = null;
  private arguments = '';
  private signature: Signature | null = null;
  private wroteText = false;
  private refusal: string | null = null;
  private malformed: ReturnType<typeof malformedCall> | null = null;

  begin(start: PartStart): Fields | null {
    this.start = start;
    this.arguments = '';
    this.signature = null;
    this.wroteText = false;
    // What was refused before something else was said has no place at the end.
    const earlier = this.refusal;
    this.refusal = start.type === 'refusal' ? '' : null;
    return earlier === null || earlier === '' ? null : { text: earlier };
  }

  grow(delta: PartDelta): Fields | null {
    if (delta.type === 'arguments') this.arguments += delta.text;
    else if (delta.type === 'signature') this.signature = grownSignature(this.signature, delta.signature);
    else if (this.start?.type === 'refusal') this.refusal = (this.refusal ?? '') + delta.text;
    else if (delta.text !== '') {
      this.wroteText = true;
      return this.start?.type === 'thinking' ? { text: delta.text, thought: true } : { text: delta.text };
    }
    return null;
  }

  end(): Fields | null {
    const { start, signature } = this;
    this.start = null;
    if (start?.type === 'redacted_thinking') return writeModelPart({ type: 'redacted_thinking', data: start.data });
    if (start?.type === 'thinking' && signature !== null) return { text: '', ...(this.wroteText && { thought: true }), thoughtSignature: sealedSignature(signature, 'gemini') };
    if (start?.type !== 'tool_call') return null;
    const call = writeModelPart({ ...start, arguments: this.arguments });
    if (call === null) this.malformed = malformedCall(start.name, this.arguments);
    return call;
  }

  stop(finishReason: string): { readonly parts: readonly Fields[]; readonly finish: Fields } {
    const { refusal, malformed } = this;
    if (malformed !== null) return { parts: refusal ? [{ text: refusal }] : [], finish: malformed };
    if (refusal === null || refusal === '') return { parts: [], finish: { finishReason } };
    return finishReason === 'SAFETY' ? { parts: [], finish: { finishReason, finishMessage: refusal } } : { parts: [{ text: refusal }], finish: { finishReason } };
  }
}
