import { type TokenUsage } from '@apex/usage';
import { type Answer, type AnswerEvent, type Candidate, type PartDelta, type PartStart, type ProviderError, type StopReason } from './answer.js';
import { type AssistantPart } from './conversation.js';
import { grownSignature } from './signatures.js';

/** A stream that told of an error. */
export class StreamedError extends Error {
  constructor(readonly error: ProviderError) {
    super(error.message);
  }
}

interface OpenCandidate {
  readonly parts: AssistantPart[];
  open: boolean;
  stop: { reason: StopReason; sequence: string | null } | null;
}

/**
 * The answer that a stream tells. Holds the stream to the order that `AnswerEvent` promises, and throws where it breaks it;
 * a stream that ends with an error throws `StreamedError`. Arguments of which nothing came are `{}`.
 */
export function foldEvents(events: readonly AnswerEvent[]): Answer {
  const [start, ...rest] = events;
  const failure = events.at(-1);
  if (failure?.type === 'error') throw new StreamedError(failure.error);
  if (start?.type !== 'start') throw new Error(`the stream does not begin with a start but with ${start?.type ?? 'nothing'}`);
  if (rest.at(-1)?.type !== 'end') throw new Error('the stream has no end');
  const candidates = new Map<number, OpenCandidate>();
  let usage: TokenUsage | null = null;
  for (const event of rest.slice(0, -1)) {
    if (event.type === 'usage') usage = event.usage;
    else if (event.type === 'start' || event.type === 'end' || event.type === 'error') throw new Error(`a ${event.type} in the middle of the stream`);
    else {
      const candidate = candidates.get(event.candidate) ?? { parts: [], open: false, stop: null };
      candidates.set(event.candidate, candidate);
      take(candidate, event);
    }
  }
  const folded = [...candidates].sort(([a], [b]) => a - b).map(([index, candidate]) => close(index, candidate));
  return { id: start.id, model: start.model, created: start.created, candidates: folded, usage };
}

type CandidateEvent = Extract<AnswerEvent, { readonly candidate: number }>;

function take(candidate: OpenCandidate, event: CandidateEvent): void {
  const where = `candidate ${event.candidate}`;
  if (candidate.stop !== null) throw new Error(`${where}: ${event.type} after its stop`);
  if (event.type === 'stop') {
    if (candidate.open) throw new Error(`${where}: a stop within a part`);
    candidate.stop = { reason: event.reason, sequence: event.stopSequence };
    return;
  }
  if (event.type === 'part_start') {
    if (candidate.open || event.part !== candidate.parts.length) throw new Error(`${where}: part ${event.part} begins out of turn`);
    candidate.open = true;
    candidate.parts.push(begun(event.start));
    return;
  }
  const last = candidate.parts.length - 1;
  const part = candidate.parts[last];
  if (!candidate.open || part === undefined || event.part !== last) throw new Error(`${where}: ${event.type} of part ${event.part}, which is not open`);
  if (event.type === 'part_end') candidate.open = false;
  else candidate.parts[last] = grown(part, event.delta);
}

function begun(start: PartStart): AssistantPart {
  switch (start.type) {
    case 'text':
    case 'refusal':
      return { type: start.type, text: '' };
    case 'thinking':
      return { type: 'thinking', text: '', signature: null };
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: start.data };
    case 'tool_call':
      return { ...start, arguments: '' };
  }
}

function grown(part: AssistantPart, delta: PartDelta): AssistantPart {
  if (delta.type === 'text' && (part.type === 'text' || part.type === 'refusal' || part.type === 'thinking')) return { ...part, text: part.text + delta.text };
  if (delta.type === 'arguments' && part.type === 'tool_call') return { ...part, arguments: part.arguments + delta.text };
  if (delta.type === 'signature' && part.type === 'thinking') return { ...part, signature: grownSignature(part.signature, delta.signature) };
  throw new Error(`a ${delta.type} delta in a ${part.type} part`);
}

function close(index: number, candidate: OpenCandidate): Candidate {
  if (candidate.stop === null) throw new Error(`candidate ${index} has no stop`);
  const parts = candidate.parts.map((part) => (part.type === 'tool_call' && part.arguments === '' ? { ...part, arguments: '{}' } : part));
  return { index, parts, stop: candidate.stop.reason, stopSequence: candidate.stop.sequence };
}
