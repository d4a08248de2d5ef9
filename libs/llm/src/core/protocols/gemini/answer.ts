import { type Fields, fieldsOf, isFields, isPresent } from '@apex/common';
import { type Answer, type Candidate } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { malformedCall, readEnding, splitRefusal, writeFinishReason } from './finish-reason.js';
import { callIdOf, readModelPart, writeModelPart } from './model-parts.js';
import { readGeminiUsage, writeGeminiUsage } from './usage.js';

/**
 * A `GenerateContentResponse` (ai.google.dev/api/generate-content). What is told about an answer and is no part of it
 * (safety ratings, citations, average log probabilities) is not carried over. `created` is 0 where Gemini does not tell it.
 */
export function decodeAnswer(body: unknown): Answer {
  if (!isFields(body)) throw new ProtocolViolation('the answer is no object');
  const head = readHead(body);
  const candidates = candidatesOf(body).map((candidate, position) => decodeCandidate(candidate, position, head.id));
  if (candidates.length === 0 && !isBlocked(body)) throw new ProtocolViolation('the answer has no candidates');
  if (new Set(candidates.map(({ index }) => index)).size < candidates.length) throw new ProtocolViolation('two candidates have one index');
  return { ...head, candidates: candidates.length === 0 ? [blockedCandidate(body)] : candidates, usage: readGeminiUsage(body['usageMetadata']) };
}

/** What the first chunk of a stream tells as well. */
export function readHead(body: Fields): Pick<Answer, 'id' | 'model' | 'created'> {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const created = Math.floor(Date.parse(text(body['createTime'])) / 1000);
  return { id: text(body['responseId']), model: text(body['modelVersion']), created: Number.isFinite(created) ? created : 0 };
}

export function candidatesOf(body: Fields): readonly Fields[] {
  const candidates = body['candidates'] ?? [];
  if (!Array.isArray(candidates) || !candidates.every(isFields)) throw new ProtocolViolation('candidates are no list of objects');
  return candidates;
}

/** 0 is left out by proto3's JSON. */
export function indexOf(candidate: Fields, position: number): number {
  const index = candidate['index'] ?? position;
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) throw new ProtocolViolation('the index of a candidate is no count');
  return index;
}

export function partsOf(candidate: Fields): readonly Fields[] {
  const content = candidate['content'] ?? {};
  if (!isFields(content)) throw new ProtocolViolation('the content of a candidate is no object');
  const parts = content['parts'] ?? [];
  if (!Array.isArray(parts) || !parts.every(isFields)) throw new ProtocolViolation('the parts of a candidate are no list of objects');
  return parts;
}

export function finishOf(candidate: Fields): { readonly reason: string; readonly message: string | null } | null {
  const { finishReason: reason, finishMessage: message } = candidate;
  if (!isPresent(reason) || reason === '') return null;
  if (typeof reason !== 'string') throw new ProtocolViolation('a finish reason is no text');
  return { reason, message: typeof message === 'string' && message !== '' ? message : null };
}

/** The parts that a part says; none for an empty text, which says nothing. */
export function readAnswerPart(part: Fields, callId: () => string): readonly AssistantPart[] {
  const read = readModelPart(part, callId);
  if (!read.ok) throw new ProtocolViolation(`${read.member} of a part: ${read.why}`);
  return read.parts.filter((one) => one.type !== 'text' || one.text !== '');
}

export const isBlocked = (body: Fields): boolean => isFields(body['promptFeedback']) && isPresent(body['promptFeedback']['blockReason']);

/** The answer to a prompt that was refused before anything was said. */
export function blockedCandidate(body: Fields): Candidate {
  const why = fieldsOf(body['promptFeedback'])['blockReasonMessage'];
  return { index: 0, parts: typeof why === 'string' && why !== '' ? [{ type: 'refusal', text: why }] : [], stop: 'refusal', stopSequence: null };
}

function decodeCandidate(candidate: Fields, position: number, responseId: string): Candidate {
  const index = indexOf(candidate, position);
  let calls = 0;
  const parts = partsOf(candidate).flatMap((part) => {
    const said = readAnswerPart(part, () => callIdOf(responseId, index, calls));
    calls += said.filter((one) => one.type === 'tool_call').length;
    return said;
  });
  const finish = finishOf(candidate) ?? { reason: 'STOP', message: null };
  const { reason, refusal } = readEnding(finish.reason, finish.message, calls > 0);
  return { index, parts: refusal === null ? parts : [...parts, { type: 'refusal', text: refusal }], stop: reason, stopSequence: null };
}

export function encodeAnswer(answer: Answer): Fields {
  return {
    candidates: answer.candidates.map(encodeCandidate),
    ...(answer.usage !== null && { usageMetadata: writeGeminiUsage(answer.usage) }),
    modelVersion: answer.model,
    responseId: answer.id,
  };
}

function encodeCandidate(candidate: Candidate): Fields {
  const { parts, message } = splitRefusal(candidate);
  const malformed = parts.find((part) => part.type === 'tool_call' && writeModelPart(part) === null);
  const ending = malformed?.type === 'tool_call' ? malformedCall(malformed.name, malformed.arguments) : { finishReason: writeFinishReason(candidate.stop), ...(message !== null && { finishMessage: message }) };
  return { content: { parts: parts.flatMap((part) => writeModelPart(part) ?? []), role: 'model' }, ...ending, index: candidate.index };
}
