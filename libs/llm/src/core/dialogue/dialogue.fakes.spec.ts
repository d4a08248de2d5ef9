import fc from 'fast-check';
import { type AnswerEvent } from './answer.js';
import { answers, conversations, foldEvents, mutated, StreamedError, streamedAnswers } from './dialogue.fakes.js';

const usage = { promptTokens: 3, cachedTokens: 2, cacheWriteTokens: 1, completionTokens: 5, reasoningTokens: 4 };
const start: AnswerEvent = { type: 'start', id: 'a', model: 'm', created: 1 };
const text: AnswerEvent = { type: 'part_start', candidate: 0, part: 0, start: { type: 'text' } };
const delta: AnswerEvent = { type: 'delta', candidate: 0, part: 0, delta: { type: 'text', text: 'x' } };
const partEnd: AnswerEvent = { type: 'part_end', candidate: 0, part: 0 };
const stop: AnswerEvent = { type: 'stop', candidate: 0, reason: 'stop', stopSequence: null };
const end: AnswerEvent = { type: 'end' };

describe('the shared generators', () => {
  it('stream any answer so that it folds to itself', () => {
    fc.assert(fc.property(streamedAnswers(), ({ answer, events }) => expect(foldEvents(events)).toEqual(answer)), { numRuns: 500 });
  });

  it('make nothing that is switched off', () => {
    const off = { images: false, documents: false, toolErrors: false, thinking: false, redactedThinking: false, refusals: false, cache: false, callSignatures: false, midSystem: false, toolResultImages: false, toolResultDocuments: false };
    fc.assert(
      fc.property(conversations(off), (conversation) => {
        const written = JSON.stringify(conversation.turns);
        for (const word of ['"image"', '"document"', '"isError":true', '"thinking"', '"redacted_thinking"', '"refusal"', '"cache"', '"signature"', '"role":"system"']) expect(written).not.toContain(word);
      }),
    );
    fc.assert(fc.property(conversations({ consecutiveTurns: false, midSystem: false }), ({ turns }) => turns.every((turn, index) => turn.role === (index % 2 === 0 ? 'user' : 'assistant'))));
    fc.assert(fc.property(answers({ stops: ['stop'], tools: false, noUsage: false }), (answer) => answer.usage !== null && answer.candidates.every((candidate) => candidate.stop === 'stop')));
  });

  it('answer every tool call in the turn after it', () => {
    fc.assert(
      fc.property(conversations(), ({ turns }) => {
        turns.forEach((turn, index) => {
          const calls = turn.role === 'assistant' ? turn.parts.filter((part) => part.type === 'tool_call').map((part) => part.id) : [];
          const next = turns[index + 1];
          const answered = next?.role === 'user' ? next.parts.filter((part) => part.type === 'tool_result').map((part) => part.toolCallId) : [];
          expect(answered).toEqual(calls);
        });
      }),
    );
  });

  it('break bodies without touching the original, and give JSON', () => {
    const body = { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] };
    const copy = structuredClone(body);
    let changed = 0;
    fc.assert(
      fc.property(mutated(body), (broken) => {
        expect(JSON.parse(JSON.stringify(broken))).toEqual(broken);
        changed += JSON.stringify(broken) === JSON.stringify(copy) ? 0 : 1;
      }),
      { numRuns: 500 },
    );
    expect(body).toEqual(copy);
    expect(changed).toBeGreaterThan(300);
  });
});

describe('foldEvents', () => {
  it('takes the last usage, and `{}` for arguments of which nothing came', () => {
    const call: AnswerEvent = { type: 'part_start', candidate: 0, part: 0, start: { type: 'tool_call', id: 'c', name: 'f' } };
    const folded = foldEvents([start, { type: 'usage', usage: { ...usage, completionTokens: 0 } }, call, partEnd, { ...stop, reason: 'tool_calls' }, { type: 'usage', usage }, end]);
    expect(folded).toEqual({ id: 'a', model: 'm', created: 1, usage, candidates: [{ index: 0, parts: [{ type: 'tool_call', id: 'c', name: 'f', arguments: '{}' }], stop: 'tool_calls', stopSequence: null }] });
  });

  it.each([
    ['no start', [text, delta, partEnd, stop, end]],
    ['two starts', [start, start, text, delta, partEnd, stop, end]],
    ['no end', [start, text, delta, partEnd, stop]],
    ['no stop', [start, text, delta, partEnd, end]],
    ['two stops', [start, text, delta, partEnd, stop, stop, end]],
    ['a part that stays open', [start, text, delta, stop, end]],
    ['a delta outside of a part', [start, delta, stop, end]],
    ['a part out of turn', [start, { ...text, part: 1 }, { ...delta, part: 1 }, { ...partEnd, part: 1 }, stop, end]],
    ['a delta of another kind', [start, text, { ...delta, delta: { type: 'arguments', text: '{' } }, partEnd, stop, end]],
    ['something after the stop', [start, stop, text, delta, partEnd, end]],
    ['something after the end', [start, stop, end, text]],
  ] as [string, AnswerEvent[]][])('throws at %s', (_name, events) => {
    expect(() => foldEvents(events)).toThrow(Error);
  });

  it('tells an error of the stream as such', () => {
    const error = { httpStatus: 529, kind: 'overloaded' as const, message: 'Overloaded', code: null, param: null };
    expect(() => foldEvents([start, text, { type: 'error', error }])).toThrow(new StreamedError(error));
  });
});
