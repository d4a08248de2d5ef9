import { type AnswerEvent } from '../../dialogue/answer.js';
import { ProtocolViolation, type SseEvent, type StreamDecoder } from '../../dialogue/codec.js';
import { readOpenAiUsage } from '../../openai-usage.js';
import { CandidateDecoder } from './candidate-decoder.js';
import { decodeStreamError } from './errors.js';
import { type Fields, isFields } from './wire.js';

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
    const chunk = parse(data);
    // OpenRouter sends the error of a broken answer beside a last choice.
    if (chunk['error'] !== undefined && chunk['error'] !== null) return this.fail(decodeStreamError(chunk));
    return this.chunk(chunk);
  }

  /** A server that forgets `[DONE]` after a whole answer is forgiven. */
  finish(): readonly AnswerEvent[] {
    if (this.over) return [];
    if (this.complete) return this.end();
    return this.fail({ httpStatus: 502, kind: 'server', message: "The provider's stream ended before its answer did.", code: 'stream_interrupted', param: null });
  }

  private get complete(): boolean {
    return this.candidates.size > 0 && [...this.candidates.values()].every((candidate) => candidate.stopped);
  }

  private end(): AnswerEvent[] {
    this.over = true;
    return [{ type: 'end' }];
  }

  private fail(error: Extract<AnswerEvent, { type: 'error' }>['error']): AnswerEvent[] {
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
      out.push(start(chunk));
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

function parse(data: string): Fields {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw new ProtocolViolation('A chunk is not valid JSON.');
  }
  if (!isFields(chunk)) throw new ProtocolViolation('A chunk is no object.');
  return chunk;
}

function start({ id, model, created }: Fields): AnswerEvent {
  return {
    type: 'start',
    id: typeof id === 'string' ? id : '',
    model: typeof model === 'string' ? model : '',
    created: typeof created === 'number' && Number.isSafeInteger(created) && created >= 0 ? created : 0,
  };
}
