import { type Fields, isFields } from '@apex/common';
import { type AnswerEvent, type ProviderError } from '../../dialogue/answer.js';
import { ProtocolViolation, type SseEvent, type StreamDecoder } from '../../dialogue/codec.js';
import { parseEventData } from '../../dialogue/event-data.js';
import { ENDED_EARLY } from '../../dialogue/provider-errors.js';
import { decodeStreamedError } from '../openai/errors.js';
import { readOpenAiUsage } from '../openai/usage.js';
import { readHead } from './answer.js';
import { CandidateDecoder } from './candidate-decoder.js';

/** OpenAI answers with at most so many choices; more would be held in memory for nobody. */
const MAX_CANDIDATES = 128;

/**
 * Reads a provider's stream of chunks (platform.openai.com/docs/api-reference/chat-streaming/streaming). Tool calls'
 * arguments leave as they come. The usage counts wherever it stands: in a chunk of its own, in the last one, in all.
 */
export class ChatStreamDecoder implements StreamDecoder {
  private started = false;
  private over = false;
  private readonly candidates = new Map<number, CandidateDecoder>();

  push({ data }: SseEvent): readonly AnswerEvent[] {
    if (this.over) return [];
    if (data.trim() === '[DONE]') {
      if (!this.complete) throw new ProtocolViolation("The provider's stream is done before its answer is.");
      return this.end();
    }
    const chunk = parseEventData(data);
    // OpenRouter sends the error of a broken answer beside a last choice.
    if (chunk['error'] !== undefined && chunk['error'] !== null) return this.fail(decodeStreamedError(chunk));
    return this.chunk(chunk);
  }

  /** A server that forgets `[DONE]` after a whole answer is forgiven. */
  finish(): readonly AnswerEvent[] {
    if (this.over) return [];
    if (this.complete) return this.end();
    return this.fail(ENDED_EARLY);
  }

  private get complete(): boolean {
    return this.candidates.size > 0 && [...this.candidates.values()].every((candidate) => candidate.stopped);
  }

  private end(): AnswerEvent[] {
    this.over = true;
    return [{ type: 'end' }];
  }

  private fail(error: ProviderError): AnswerEvent[] {
    this.over = true;
    return [{ type: 'error', error }];
  }

  private chunk(chunk: Fields): AnswerEvent[] {
    const { choices, usage } = chunk;
    if (choices !== undefined && choices !== null && !Array.isArray(choices)) throw new ProtocolViolation('The choices of a chunk are no list.');
    const out: AnswerEvent[] = [];
    const listed: readonly unknown[] = choices ?? [];
    const counted = usage === undefined || usage === null ? null : readOpenAiUsage(usage);
    // Azure begins with a chunk about the prompt, which has no choices, no id and no model.
    if (!this.started && (listed.length > 0 || counted !== null)) {
      this.started = true;
      out.push({ type: 'start', ...readHead(chunk) });
    }
    for (const choice of listed) {
      if (!isFields(choice)) throw new ProtocolViolation('A choice of a chunk is no object.');
      this.candidate(choice['index']).push(choice, out);
    }
    if (counted !== null) out.push({ type: 'usage', usage: counted });
    return out;
  }

  private candidate(given: unknown): CandidateDecoder {
    const index = given ?? 0;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= MAX_CANDIDATES) throw new ProtocolViolation('The index of a choice is no index.');
    const known = this.candidates.get(index);
    if (known !== undefined) return known;
    const candidate = new CandidateDecoder(index);
    this.candidates.set(index, candidate);
    return candidate;
  }
}
