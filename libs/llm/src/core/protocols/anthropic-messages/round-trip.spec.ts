import fc from 'fast-check';
import { type AnswerEvent } from '../../dialogue/answer.js';
import { ProtocolViolation, type SseEvent, type StreamDecoder } from '../../dialogue/codec.js';
import { type Conversation } from '../../dialogue/conversation.js';
import { answers, conversations, foldEvents, mutated, streamedAnswers, type AnswerCapabilities, type ConversationCapabilities } from '../../dialogue/dialogue.fakes.js';
import { basicStream, refusalStream, thinkingStream, toolStream } from './golden/streams.fakes.js';
import { anthropicMessagesCodec as codec } from './index.js';

/** What the protocol can say of a conversation. */
const CONVERSATIONS: Partial<ConversationCapabilities> = {
  imageDetail: false,
  refusals: false,
  thinkingSignatures: 'required',
  signers: ['anthropic-messages'],
  callSignatures: false,
  rawArguments: false,
  consecutiveTurns: false,
  maxOutputTokens: 'required',
  maxTemperature: 1,
  seed: false,
  penalties: false,
  candidates: false,
  logprobs: false,
  json: false,
  schemaNames: false,
  schemaDescriptions: false,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
};

const ANSWERS: Partial<AnswerCapabilities> = { refusals: false, rawArguments: false, candidates: false, created: false, noUsage: false };

const sayable = conversations(CONVERSATIONS).filter(
  ({ reasoning, maxOutputTokens, stop, turns }) => (reasoning?.budgetTokens ?? 0) < (maxOutputTokens ?? 0) && stop.every((sequence) => sequence.trim() !== '') && (reasoning?.budgetTokens == null || mayThink(turns)),
);

/** A turn that waits for its tools began with thinking, or the model cannot be asked to think on. */
function mayThink(turns: Conversation['turns']): boolean {
  const last = turns.findLastIndex(({ role }) => role === 'assistant');
  const waits = turns[last + 1]?.parts.some(({ type }) => type === 'tool_result') ?? false;
  return !waits || /thinking/.test(turns[last]?.parts[0]?.type ?? '');
}

/** Two forms of one thing, the one that comes back: forms are always guaranteed; what concerns several calls needs a choice that allows any. */
function canonical(conversation: Conversation): Conversation {
  const { output, toolChoice, parallelTools } = conversation;
  return {
    ...conversation,
    output: output.kind === 'json_schema' ? { ...output, strict: true } : output,
    toolChoice: toolChoice ?? (parallelTools === null ? null : { kind: 'auto' }),
    parallelTools: toolChoice?.kind === 'none' ? null : parallelTools,
  };
}

const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function encoded(conversation: Conversation): unknown {
  const result = codec.encodeRequest(conversation);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return overTheWire(result.value.body);
}

const STREAM = { includeUsage: true, model: 'm', created: 1, id: 'fallback' };
const written = (events: readonly AnswerEvent[]): SseEvent[] => {
  const encoder = codec.createStreamEncoder(STREAM);
  return events.flatMap((event) => encoder.push(event));
};
const read = (stream: readonly SseEvent[], decoder: StreamDecoder = codec.createStreamDecoder()): AnswerEvent[] => [...stream.flatMap((event) => decoder.push(event)), ...decoder.finish()];

describe('round trips', () => {
  it('keep every conversation that the protocol can say', () => {
    fc.assert(fc.property(sayable, (conversation) => expect(codec.decodeRequest(encoded(conversation))).toEqual({ ok: true, value: canonical(conversation) })), { numRuns: 1000 });
  });

  it('keep every answer', () => {
    fc.assert(fc.property(answers(ANSWERS), (answer) => expect(codec.decodeAnswer(overTheWire(codec.encodeAnswer(answer)))).toEqual(answer)), { numRuns: 1000 });
  });

  it('keep every answer that is streamed', () => {
    fc.assert(fc.property(streamedAnswers(ANSWERS), ({ answer, events }) => expect(foldEvents(read(written(events)))).toEqual({ ...answer, model: 'm' })), { numRuns: 1000 });
  });

  it('tell the same answer streamed and whole', () => {
    fc.assert(
      fc.property(streamedAnswers({ ...ANSWERS, refusals: true }), ({ answer, events }) => {
        const whole = codec.decodeAnswer(overTheWire(codec.encodeAnswer({ ...answer, model: 'm' })));
        expect(foldEvents(read(written(events)))).toEqual(whole);
      }),
    );
  });

  it('pass every delta on at once', () => {
    fc.assert(
      fc.property(streamedAnswers({ ...ANSWERS, signers: ['anthropic-messages'] }), ({ events }) => {
        const encoder = codec.createStreamEncoder(STREAM);
        const decoder = codec.createStreamDecoder();
        for (const event of events) {
          const out = encoder.push(event);
          if (event.type !== 'delta') {
            out.forEach((one) => decoder.push(one));
            continue;
          }
          expect(out.flatMap((one) => decoder.push(one))).toEqual([event]);
        }
      }),
    );
  });
});

describe('bodies that are broken', () => {
  const runs = { numRuns: 3000 };

  it('never make decodeRequest throw, and what it takes can be said again unless it says why not', () => {
    fc.assert(
      fc.property(sayable.map(encoded).chain(mutated), (body) => {
        const result = codec.decodeRequest(body);
        if (result.ok) {
          const again = codec.encodeRequest(result.value);
          if (!again.ok) again.problems.forEach(({ param, why }) => expect([param, why].every((word) => word !== '')).toBe(true));
          return;
        }
        for (const problem of result.problems) expect(problem).toEqual({ kind: expect.stringMatching(/^(invalid|inexpressible)$/), param: expect.any(String), why: expect.stringMatching(/./) });
      }),
      runs,
    );
  });

  it('lose nothing silently: a member more is a problem by its name, or stands in what was decoded', () => {
    fc.assert(
      fc.property(sayable.map(encoded), fc.nat(), (body, seed) => {
        const holders = objectsIn(body as object);
        const { holder, free } = holders[seed % holders.length] ?? { holder: {}, free: false };
        holder['unheard_of'] = 'MARK';
        const result = codec.decodeRequest(body);
        if (free) expect(JSON.stringify(result)).toContain('MARK');
        else expect(result.ok ? [] : result.problems.map(({ param }) => param).filter((param) => param.endsWith('unheard_of'))).toHaveLength(1);
      }),
      { numRuns: 1000 },
    );
  });

  it('make decodeAnswer throw nothing but ProtocolViolation', () => {
    fc.assert(fc.property(answers(ANSWERS).map((answer) => overTheWire(codec.encodeAnswer(answer))).chain(mutated), (body) => only(() => codec.decodeAnswer(body))), runs);
  });

  it('make a stream throw nothing but ProtocolViolation, and what is told keeps its order', () => {
    const streams = fc.constantFrom(basicStream, toolStream, thinkingStream, refusalStream);
    const broken = streams.chain((stream) =>
      fc.tuple(fc.nat(stream.length - 1), fc.constantFrom('drop', 'double', 'swap', 'break', 'cut')).chain(([at, how]) => mutated(JSON.parse(stream[at]?.data ?? '')).map((body) => harmed(stream, at, how, body))),
    );
    fc.assert(
      fc.property(broken, (stream) => {
        only(() => {
          const events = read(stream);
          if (events.at(-1)?.type === 'end') foldEvents(events);
          else expect(events.at(-1)?.type).toBe('error');
        });
      }),
      runs,
    );
  });
});

function only(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
  }
}

function harmed(stream: readonly SseEvent[], at: number, how: string, body: unknown): SseEvent[] {
  const event = stream[at];
  const copy = [...stream];
  if (event === undefined || how === 'drop') copy.splice(at, 1);
  else if (how === 'double') copy.splice(at, 0, event);
  else if (how === 'swap') copy.splice(at, 2, ...stream.slice(at, at + 2).reverse());
  else if (how === 'break') copy[at] = { ...event, data: JSON.stringify(body) };
  else return copy.slice(0, at);
  return copy;
}

type Holder = Record<string, unknown>;

/** Every object of a body; `free`: its members are not the protocol's but the caller's. */
function objectsIn(value: unknown, free = false): { holder: Holder; free: boolean }[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.entries(value).flatMap(([key, member]: [string, unknown]) => objectsIn(member, free || key === 'input' || key === 'input_schema' || key === 'schema'));
  return Array.isArray(value) ? inside : [{ holder: value as Holder, free }, ...inside];
}
