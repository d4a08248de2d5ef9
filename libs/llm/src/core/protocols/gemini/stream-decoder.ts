import { type Fields, isFields } from '@apex/common';
import { type AnswerEvent, type PartDelta, type PartStart, type ProviderError } from '../../dialogue/answer.js';
import { type SseEvent, type StreamDecoder } from '../../dialogue/codec.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { parseEventData } from '../../dialogue/event-data.js';
import { ENDED_EARLY } from '../../dialogue/provider-errors.js';
import { blockedCandidate, candidatesOf, finishOf, indexOf, isBlocked, partsOf, readAnswerPart, readHead } from './answer.js';
import { decodeStreamedError } from './errors.js';
import { readEnding } from './finish-reason.js';
import { callIdOf } from './model-parts.js';
import { readGeminiUsage } from './usage.js';

/**
 * Reads `streamGenerateContent?alt=sse`: each event is a `GenerateContentResponse` with what has come since the last one.
 * - Texts of one kind that follow each other are one part; a signature ends its part. Function calls arrive whole.
 * - `usageMetadata` is the whole so far each time, so the last one alone is told, at the end: were it not to be trusted, an
 *   earlier one that is would pass for the whole.
 * - There is no last event: the stream is over when every candidate has a `finishReason` (or the prompt was blocked) and the
 *   connection ends. Some models say `STOP` in every chunk, so what ends a candidate is told in `finish()`.
 */
export class GeminiStreamDecoder implements StreamDecoder {
  private readonly candidates = new Map<number, CandidateReader>();
  private responseId: string | null = null;
  private usageMetadata: unknown = null;
  /** The chunk that says that the prompt was blocked. */
  private blocked: Fields | null = null;
  private over = false;

  push(event: SseEvent): readonly AnswerEvent[] {
    if (this.over) return [];
    const chunk = parseEventData(event.data);
    if (isFields(chunk['error'])) return this.fail(decodeStreamedError(chunk));
    const out: AnswerEvent[] = [];
    if (this.responseId === null) {
      const head = readHead(chunk);
      this.responseId = head.id;
      out.push({ type: 'start', ...head });
    }
    if (isBlocked(chunk)) this.blocked = chunk;
    candidatesOf(chunk).forEach((candidate, position) => this.candidate(indexOf(candidate, position)).read(candidate, out));
    this.usageMetadata = chunk['usageMetadata'] ?? this.usageMetadata;
    return out;
  }

  finish(): readonly AnswerEvent[] {
    if (this.over) return [];
    const { blocked } = this;
    const readers = [...this.candidates.values()];
    const complete = readers.length === 0 ? blocked !== null : readers.every((reader) => reader.finished);
    if (!complete) return this.fail(ENDED_EARLY);
    this.over = true;
    const out: AnswerEvent[] = [];
    if (readers.length === 0 && blocked !== null) stopBlocked(blocked, out);
    for (const reader of readers) reader.end(out);
    const usage = readGeminiUsage(this.usageMetadata);
    if (usage !== null) out.push({ type: 'usage', usage });
    out.push({ type: 'end' });
    return out;
  }

  private fail(error: ProviderError): readonly AnswerEvent[] {
    this.over = true;
    return [{ type: 'error', error }];
  }

  private candidate(index: number): CandidateReader {
    const known = this.candidates.get(index);
    if (known !== undefined) return known;
    const created = new CandidateReader(index, this.responseId ?? '');
    this.candidates.set(index, created);
    return created;
  }
}

class CandidateReader {
  private part = -1;
  private open: 'text' | 'thinking' | null = null;
  private calls = 0;
  private last: { readonly reason: string; readonly message: string | null } | null = null;

  constructor(
    private readonly index: number,
    private readonly responseId: string,
  ) {}

  get finished(): boolean {
    return this.last !== null;
  }

  read(candidate: Fields, out: AnswerEvent[]): void {
    for (const part of partsOf(candidate)) {
      const seals = part['thought'] === true && part['text'] === '' && this.open === 'thinking';
      for (const said of readAnswerPart(part, () => callIdOf(this.responseId, this.index, this.calls))) this.say(said, seals, out);
    }
    this.last = finishOf(candidate) ?? this.last;
  }

  /** `seals`: the part brings the signature of the thinking that is open, and no thought of its own. */
  private say(said: AssistantPart, seals: boolean, out: AnswerEvent[]): void {
    switch (said.type) {
      case 'text':
        this.continue('text', out);
        this.delta({ type: 'text', text: said.text }, out);
        return;
      case 'thinking':
        if (said.text === '' && said.signature === null) return;
        if (said.text === '' && !seals) this.close(out);
        this.continue('thinking', out);
        if (said.text !== '') this.delta({ type: 'text', text: said.text }, out);
        if (said.signature === null) return;
        this.delta({ type: 'signature', signature: said.signature }, out);
        this.close(out);
        return;
      case 'redacted_thinking':
        this.begin({ type: 'redacted_thinking', data: said.data }, out);
        this.partEnd(out);
        return;
      case 'tool_call':
        this.calls += 1;
        this.begin({ type: 'tool_call', id: said.id, name: said.name, ...(said.signature !== undefined && { signature: said.signature }) }, out);
        this.delta({ type: 'arguments', text: said.arguments }, out);
        this.partEnd(out);
        return;
      case 'refusal':
        this.begin({ type: 'refusal' }, out);
        this.delta({ type: 'text', text: said.text }, out);
        this.partEnd(out);
        return;
    }
  }

  /** Closes what is open and says why it stopped. */
  end(out: AnswerEvent[]): void {
    const { reason, refusal } = readEnding(this.last?.reason ?? 'STOP', this.last?.message ?? null, this.calls > 0);
    if (refusal !== null) this.say({ type: 'refusal', text: refusal }, false, out);
    this.close(out);
    out.push({ type: 'stop', candidate: this.index, reason, stopSequence: null });
  }

  private continue(type: 'text' | 'thinking', out: AnswerEvent[]): void {
    if (this.open === type) return;
    this.begin({ type }, out);
    this.open = type;
  }

  private begin(start: PartStart, out: AnswerEvent[]): void {
    this.close(out);
    this.part += 1;
    out.push({ type: 'part_start', candidate: this.index, part: this.part, start });
  }

  private delta(delta: PartDelta, out: AnswerEvent[]): void {
    out.push({ type: 'delta', candidate: this.index, part: this.part, delta });
  }

  private close(out: AnswerEvent[]): void {
    if (this.open !== null) this.partEnd(out);
    this.open = null;
  }

  private partEnd(out: AnswerEvent[]): void {
    out.push({ type: 'part_end', candidate: this.index, part: this.part });
  }
}

function stopBlocked(chunk: Fields, out: AnswerEvent[]): void {
  const { parts, stop } = blockedCandidate(chunk);
  parts.forEach((part, index) => {
    const at = { candidate: 0, part: index };
    if (part.type === 'refusal') out.push({ type: 'part_start', ...at, start: { type: 'refusal' } }, { type: 'delta', ...at, delta: { type: 'text', text: part.text } }, { type: 'part_end', ...at });
  });
  out.push({ type: 'stop', candidate: 0, reason: stop, stopSequence: null });
}
