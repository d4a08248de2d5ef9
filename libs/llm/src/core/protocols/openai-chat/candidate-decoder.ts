import { type Fields, fieldsOf, isFields } from '@apex/common';
import { type AnswerEvent, type PartStart } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { type Signature } from '../../dialogue/conversation.js';
import { openedId } from '../../dialogue/sealed-ids.js';
import { signatureOf } from './answer.js';
import { readFinishReason } from './finish-reason.js';
import { plainReasoning, readDetail } from './reasoning-details.js';

interface OpenPart {
  readonly type: PartStart['type'];
  /** Of a tool call: the provider's count of it, where it counts, and its id. */
  readonly callIndex: number | null;
  readonly callId: string | null;
  /** Of thinking: whether its text came as `reasoning_content`, and the index of its details. */
  readonly plain: boolean;
  readonly detailIndex: unknown;
  signed: boolean;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** One choice of a stream. Its parts follow each other: what begins a part ends the one before. */
export class CandidateDecoder {
  private parts = 0;
  private open: OpenPart | null = null;
  private refused = false;
  /** Ids of the calls that have begun. */
  private readonly calls = new Set<string>();
  stopped = false;

  constructor(private readonly index: number) {}

  push(choice: Fields, out: AnswerEvent[]): void {
    const { delta, finish_reason: reason } = choice;
    if (delta !== undefined && delta !== null && !isFields(delta)) throw new ProtocolViolation('A delta is no object.');
    if (isFields(delta)) this.delta(delta, out);
    if (reason === undefined || reason === null || reason === '') return;
    // Some servers repeat the reason in the chunk that holds the usage.
    if (this.stopped) return;
    this.close(out);
    this.stopped = true;
    const end = readFinishReason(reason, { calledTools: this.calls.size > 0, refused: this.refused, stopReason: choice['stop_reason'] });
    out.push({ type: 'stop', candidate: this.index, reason: end.reason, stopSequence: end.stopSequence });
  }

  private delta(delta: Fields, out: AnswerEvent[]): void {
    this.reasoning(delta, out);
    const content = this.textOf(delta['content']);
    if (content !== '') this.say('text', content, out);
    const refusal = this.textOf(delta['refusal']);
    if (refusal !== '') {
      this.refused = true;
      this.say('refusal', refusal, out);
    }
    const calls = delta['tool_calls'];
    if (calls === undefined || calls === null) return;
    if (!Array.isArray(calls)) throw new ProtocolViolation('tool_calls is no list.');
    for (const call of calls) this.call(call, out);
  }

  private textOf(value: unknown): string {
    if (value === undefined || value === null) return '';
    if (typeof value !== 'string') throw new ProtocolViolation('A delta holds something that is not a text.');
    return value;
  }

  /** Details hold the text once more that stands beside them, and are taken in its place where they have any. */
  private reasoning(delta: Fields, out: AnswerEvent[]): void {
    const details = Array.isArray(delta['reasoning_details']) ? delta['reasoning_details'] : [];
    const plain = plainReasoning(delta);
    const told = details.some((entry) => readDetail(entry)?.type === 'thinking');
    if (plain !== '' && !told) this.think(plain, null, out);
    for (const entry of details) {
      const part = readDetail(entry);
      if (part === null) continue;
      if (part.type === 'redacted_thinking') {
        this.begin({ type: 'redacted_thinking', data: part.data }, {}, out);
        this.close(out);
        continue;
      }
      const index: unknown = isFields(entry) ? entry['index'] : undefined;
      // The whole of what came as `reasoning_content`, said again with its signature.
      const again = part.signature !== null && this.open?.type === 'thinking' && this.open.plain;
      if (part.text !== '' && !again) this.think(part.text, index ?? 0, out);
      if (part.signature !== null) this.sign(part.signature, index ?? 0, out);
    }
  }

  /** `index` null: the text stands alone, without details. */
  private think(piece: string, index: unknown, out: AnswerEvent[]): void {
    this.beginThinking(index, out);
    this.write(piece, out);
  }

  private sign(signature: Signature, index: unknown, out: AnswerEvent[]): void {
    if (this.open?.type !== 'thinking' || !this.open.plain) this.beginThinking(index, out);
    out.push({ type: 'delta', ...this.at, delta: { type: 'signature', signature } });
    if (this.open !== null) this.open.signed = true;
  }

  private beginThinking(index: unknown, out: AnswerEvent[]): void {
    const goesOn = this.open?.type === 'thinking' && !this.open.signed && this.open.plain === (index === null) && (index === null || this.open.detailIndex === index);
    if (!goesOn) this.begin({ type: 'thinking' }, { plain: index === null, detailIndex: index }, out);
  }

  private say(type: 'text' | 'refusal', piece: string, out: AnswerEvent[]): void {
    if (this.open?.type !== type) this.begin({ type }, {}, out);
    this.write(piece, out);
  }

  /**
   * A piece of a tool call. A new index begins one, and so does a new id under an old index, as Gemini's compatible endpoint
   * counts them. A provider that goes back to a call that has ended is not understood: its pieces could only be held back.
   */
  private call(given: unknown, out: AnswerEvent[]): void {
    const { index, id, function: called, extra_content: extra } = isFields(given) ? given : refuse('A tool call is no object.');
    const { name, arguments: piece } = fieldsOf(called);
    const callId = text(id);
    const callIndex = typeof index === 'number' ? index : null;
    const current = this.open?.type === 'tool_call' ? this.open : null;
    const goesOn = current !== null && (callIndex === null || callIndex === current.callIndex) && (callId === '' || callId === current.callId);
    if (!goesOn) {
      if (callId === '' || text(name) === '') refuse('A tool call has no id or no name, or goes on after another began.');
      if (this.calls.has(callId)) refuse('A tool call goes on after another began.');
      this.calls.add(callId);
      const signature = signatureOf(extra);
      this.begin({ type: 'tool_call', ...openedId(callId), name: text(name), ...(signature === null ? {} : { signature }) }, { callIndex, callId }, out);
    }
    const argumentsPiece = isFields(piece) ? JSON.stringify(piece) : this.textOf(piece);
    if (argumentsPiece !== '') out.push({ type: 'delta', ...this.at, delta: { type: 'arguments', text: argumentsPiece } });
  }

  private begin(start: PartStart, part: Partial<OpenPart>, out: AnswerEvent[]): void {
    if (this.stopped) throw new ProtocolViolation('A choice goes on after its finish_reason.');
    this.close(out);
    this.open = { type: start.type, callIndex: null, callId: null, plain: false, detailIndex: null, signed: false, ...part };
    out.push({ type: 'part_start', ...this.at, start });
  }

  private write(piece: string, out: AnswerEvent[]): void {
    out.push({ type: 'delta', ...this.at, delta: { type: 'text', text: piece } });
  }

  private close(out: AnswerEvent[]): void {
    if (this.open === null) return;
    out.push({ type: 'part_end', ...this.at });
    this.open = null;
    this.parts += 1;
  }

  private get at(): { candidate: number; part: number } {
    return { candidate: this.index, part: this.parts };
  }
}

function refuse(why: string): never {
  throw new ProtocolViolation(why);
}
