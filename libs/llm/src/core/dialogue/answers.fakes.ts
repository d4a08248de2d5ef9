import { type TokenUsage } from '@apex/usage';
import fc from 'fast-check';
import { type Answer, type AnswerEvent, type Candidate, type PartStart, type StopReason } from './answer.js';
import { type AssistantPart } from './conversation.js';
import { assistantParts, EVERYTHING as EVERYTHING_SAID, names, texts, type AssistantCapabilities } from './conversations.fakes.js';

/** What of an answer a protocol can say. All of it is on unless switched off. */
export interface AnswerCapabilities extends AssistantCapabilities {
  readonly candidates: boolean;
  /** False: `created` is 0, as the protocol does not tell it. */
  readonly created: boolean;
  /** Reasons that come back from a round trip. `tool_calls` goes with tool calls and is not asked for here. */
  readonly stops: readonly Exclude<StopReason, 'tool_calls'>[];
  /** Which stop sequence came is told. */
  readonly stopSequences: boolean;
  readonly emptyAnswers: boolean;
  /** An answer without usage. */
  readonly noUsage: boolean;
  readonly cacheWriteTokens: boolean;
}

const EVERYTHING: AnswerCapabilities = {
  ...EVERYTHING_SAID,
  candidates: true,
  created: true,
  stops: ['stop', 'stop_sequence', 'length', 'context', 'refusal', 'pause'],
  stopSequences: true,
  emptyAnswers: true,
  noUsage: true,
  cacheWriteTokens: true,
};

/** Coherent counts: parts are never larger than their whole. */
export const usages = (cacheWriteTokens = true): fc.Arbitrary<TokenUsage> =>
  fc.record({ plain: fc.nat(5_000), cached: fc.nat(5_000), written: cacheWriteTokens ? fc.nat(5_000) : fc.constant(0), visible: fc.nat(5_000), reasoning: fc.nat(5_000) }).map((counts) => ({
    promptTokens: counts.plain + counts.cached + counts.written,
    cachedTokens: counts.cached,
    cacheWriteTokens: counts.written,
    completionTokens: counts.visible + counts.reasoning,
    reasoningTokens: counts.reasoning,
  }));

function candidates(can: AnswerCapabilities, index: number): fc.Arbitrary<Candidate> {
  const parts = assistantParts(can).filter((all) => can.emptyAnswers || all.length > 0);
  return fc.tuple(parts, fc.constantFrom(...can.stops), texts()).map(([all, reason, sequence]) => {
    const stop = all.some((part) => part.type === 'tool_call') ? 'tool_calls' : reason;
    return { index, parts: all, stop, stopSequence: stop === 'stop_sequence' && can.stopSequences ? sequence : null };
  });
}

/** Answers that a protocol of these capabilities can say: what it encodes decodes to the same. */
export function answers(capabilities: Partial<AnswerCapabilities> = {}): fc.Arbitrary<Answer> {
  const can = { ...EVERYTHING, ...capabilities };
  return fc.record({
    id: fc.stringMatching(/^[a-z]{3,8}-[A-Za-z0-9]{4,16}$/),
    model: names(),
    created: can.created ? fc.integer({ min: 1, max: 4_000_000_000 }) : fc.constant(0),
    candidates: fc.integer({ min: 1, max: can.candidates ? 3 : 1 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => candidates(can, index)))),
    usage: can.noUsage ? fc.option(usages(can.cacheWriteTokens), { nil: null }) : usages(can.cacheWriteTokens),
  });
}

/** Streams that tell this answer: texts cut anywhere but inside a character, candidates interleaved, usage told early and last. */
export function eventsOf(answer: Answer): fc.Arbitrary<AnswerEvent[]> {
  const { usage } = answer;
  const start: AnswerEvent = { type: 'start', id: answer.id, model: answer.model, created: answer.created };
  const early: fc.Arbitrary<AnswerEvent[]> = usage === null ? fc.constant([]) : fc.boolean().map((told) => (told ? [{ type: 'usage', usage: { ...usage, completionTokens: 0, reasoningTokens: 0 } }] : []));
  const late: AnswerEvent[] = usage === null ? [] : [{ type: 'usage', usage }];
  const told = fc.tuple(...answer.candidates.map(candidateEvents)).chain(interleaved);
  return fc.tuple(early, told).map(([first, events]) => [start, ...first, ...events, ...late, { type: 'end' as const }]);
}

/** An answer together with a stream that tells it. */
export const streamedAnswers = (capabilities: Partial<AnswerCapabilities> = {}): fc.Arbitrary<{ answer: Answer; events: AnswerEvent[] }> =>
  answers(capabilities).chain((answer) => eventsOf(answer).map((events) => ({ answer, events })));

function candidateEvents(candidate: Candidate): fc.Arbitrary<AnswerEvent[]> {
  const parts = fc.tuple(...candidate.parts.map((part, index) => partEvents(candidate.index, index, part)));
  return parts.map((all) => [...all.flat(), { type: 'stop', candidate: candidate.index, reason: candidate.stop, stopSequence: candidate.stopSequence }]);
}

function partEvents(candidate: number, part: number, said: AssistantPart): fc.Arbitrary<AnswerEvent[]> {
  const at = { candidate, part };
  const around = (deltas: AnswerEvent[]): AnswerEvent[] => [{ type: 'part_start', ...at, start: startOf(said) }, ...deltas, { type: 'part_end', ...at }];
  switch (said.type) {
    case 'redacted_thinking':
      return fc.constant(around([]));
    case 'tool_call':
      return cut(said.arguments).map((pieces) => around(pieces.map((text) => ({ type: 'delta', ...at, delta: { type: 'arguments', text } }))));
    case 'thinking':
      return cut(said.text).map((pieces) => {
        const deltas = pieces.map((text): AnswerEvent => ({ type: 'delta', ...at, delta: { type: 'text', text } }));
        if (said.signature !== null) deltas.push({ type: 'delta', ...at, delta: { type: 'signature', signature: said.signature } });
        return around(deltas);
      });
    case 'text':
    case 'refusal':
      return cut(said.text).map((pieces) => around(pieces.map((text) => ({ type: 'delta', ...at, delta: { type: 'text', text } }))));
  }
}

function startOf(part: AssistantPart): PartStart {
  switch (part.type) {
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: part.data };
    case 'tool_call':
      return { type: 'tool_call', id: part.id, name: part.name, ...(part.signature === undefined ? {} : { signature: part.signature }) };
    case 'text':
    case 'refusal':
    case 'thinking':
      return { type: part.type };
  }
}

/** A text in pieces of whole characters. */
function cut(text: string): fc.Arbitrary<string[]> {
  const characters = [...text];
  return fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 8 }).map((sizes) => {
    const pieces: string[] = [];
    let at = 0;
    for (const size of [...sizes, characters.length]) {
      if (at < characters.length) pieces.push(characters.slice(at, at + size).join(''));
      at += size;
    }
    return pieces;
  });
}

/** Merges lists in a random order that keeps each list's own. */
function interleaved(lists: readonly AnswerEvent[][]): fc.Arbitrary<AnswerEvent[]> {
  const turns = lists.flatMap((list, index) => list.map(() => index));
  return fc.shuffledSubarray(turns, { minLength: turns.length }).map((order) => {
    const at = lists.map(() => 0);
    return order.flatMap((index) => lists[index]?.[(at[index] = (at[index] ?? 0) + 1) - 1] ?? []);
  });
}
