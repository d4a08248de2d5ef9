import { type TokenUsage } from '@apex/usage';
import { type AnswerEvent, type PartDelta, type PartStart } from '../../dialogue/answer.js';
import { type SseEvent, type StreamEncoder, type StreamEncoderOptions } from '../../dialogue/codec.js';
import { type Signature } from '../../dialogue/conversation.js';
import { sealedId } from '../../dialogue/sealed-ids.js';
import { grownSignature } from '../../dialogue/signatures.js';
import { encodeError } from '../openai/errors.js';
import { finishReasonOf } from './finish-reason.js';
import { detailOf } from './reasoning-details.js';
import { encodeUsage } from './usage.js';

interface OpenCandidate {
  part: PartStart | null;
  calls: number;
  details: number;
  refused: boolean;
  /** Of the open part: whether arguments came; the text and signature of thinking. */
  argued: boolean;
  thought: string;
  signature: Signature | null;
}

const DONE: SseEvent = { event: null, data: '[DONE]' };

/**
 * Writes a stream for a client (platform.openai.com/docs/api-reference/chat-streaming/streaming): each choice begins with
 * its role, tool calls are counted per choice, the usage comes in a chunk of its own before `[DONE]`, to those who asked.
 *
 * Thinking leaves as `reasoning_content` as it comes. Where it turns out to be signed, `reasoning_details` with its whole text
 * follow at its end: a client that keeps the last such member, as OpenAI's SDK does, can send it back. An error is the last
 * event, and `[DONE]` does not follow it.
 */
export class ChatStreamEncoder implements StreamEncoder {
  private readonly candidates = new Map<number, OpenCandidate>();
  private usage: TokenUsage | null = null;
  private head = '';
  private tail = '';

  constructor(private readonly options: StreamEncoderOptions) {
    this.introduce('', 0);
  }

  push(event: AnswerEvent): readonly SseEvent[] {
    const out: SseEvent[] = [];
    switch (event.type) {
      case 'start':
        this.introduce(event.id, event.created);
        this.candidate(0, out);
        break;
      case 'part_start':
        this.begin(event.candidate, event.start, out);
        break;
      case 'delta':
        this.delta(event.candidate, event.delta, out);
        break;
      case 'part_end':
        this.endPart(event.candidate, out);
        break;
      case 'stop': {
        const reason = finishReasonOf(event.reason, this.candidate(event.candidate, out).refused);
        this.chunk(event.candidate, {}, out, reason, event.stopSequence);
        break;
      }
      case 'usage':
        this.usage = event.usage;
        break;
      case 'end':
        if (this.options.includeUsage && this.usage !== null) out.push({ event: null, data: `${this.head}],"usage":${JSON.stringify(encodeUsage(this.usage))}}` });
        out.push(DONE);
        break;
      case 'error':
        out.push({ event: null, data: JSON.stringify(encodeError(event.error, this.options.id)) });
        break;
    }
    return out;
  }

  /** What all chunks have in common is written once. */
  private introduce(id: string, created: number): void {
    const common = { id: id === '' ? this.options.id : id, object: 'chat.completion.chunk', created: created === 0 ? this.options.created : created, model: this.options.model };
    this.head = `${JSON.stringify(common).slice(0, -1)},"choices":[`;
    this.tail = this.options.includeUsage ? '],"usage":null}' : ']}';
  }

  private chunk(index: number, delta: object, out: SseEvent[], reason: string | null = null, stopSequence: string | null = null): void {
    const choice = { index, delta, logprobs: null, finish_reason: reason, ...(stopSequence === null ? {} : { stop_reason: stopSequence }) };
    out.push({ event: null, data: `${this.head}${JSON.stringify(choice)}${this.tail}` });
  }

  private candidate(index: number, out: SseEvent[]): OpenCandidate {
    const known = this.candidates.get(index);
    if (known !== undefined) return known;
    const candidate: OpenCandidate = { part: null, calls: 0, details: 0, refused: false, argued: false, thought: '', signature: null };
    this.candidates.set(index, candidate);
    this.chunk(index, { role: 'assistant', content: '' }, out);
    return candidate;
  }

  private begin(index: number, start: PartStart, out: SseEvent[]): void {
    const candidate = this.candidate(index, out);
    Object.assign(candidate, { part: start, argued: false, thought: '', signature: null });
    if (start.type === 'refusal') candidate.refused = true;
    else if (start.type === 'redacted_thinking') this.chunk(index, { reasoning_details: [detailOf(start, candidate.details++)] }, out);
    else if (start.type === 'tool_call') {
      this.chunk(index, { tool_calls: [{ index: candidate.calls, id: sealedId(start.id, start.signature), type: 'function', function: { name: start.name, arguments: '' } }] }, out);
    }
  }

  private delta(index: number, delta: PartDelta, out: SseEvent[]): void {
    const candidate = this.candidate(index, out);
    switch (delta.type) {
      case 'signature':
        candidate.signature = grownSignature(candidate.signature, delta.signature);
        return;
      case 'arguments':
        if (delta.text !== '') this.argue(index, candidate, delta.text, out);
        return;
      case 'text':
        if (delta.text === '') return;
        if (candidate.part?.type === 'thinking') {
          candidate.thought += delta.text;
          this.chunk(index, { reasoning_content: delta.text }, out);
        } else this.chunk(index, candidate.part?.type === 'refusal' ? { refusal: delta.text } : { content: delta.text }, out);
    }
  }

  private argue(index: number, candidate: OpenCandidate, piece: string, out: SseEvent[]): void {
    candidate.argued = true;
    this.chunk(index, { tool_calls: [{ index: candidate.calls, function: { arguments: piece } }] }, out);
  }

  private endPart(index: number, out: SseEvent[]): void {
    const candidate = this.candidate(index, out);
    if (candidate.part?.type === 'tool_call') {
      // Clients parse the arguments, and an empty text is no JSON.
      if (!candidate.argued) this.argue(index, candidate, '{}', out);
      candidate.calls += 1;
    } else if (candidate.part?.type === 'thinking' && candidate.signature !== null) {
      this.chunk(index, { reasoning_details: [detailOf({ type: 'thinking', text: candidate.thought, signature: candidate.signature }, candidate.details++)] }, out);
    }
    candidate.part = null;
  }
}
