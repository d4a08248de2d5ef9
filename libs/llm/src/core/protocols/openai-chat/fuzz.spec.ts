import fc from 'fast-check';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { answers, conversations, foldEvents, mutated, StreamedError, streamedAnswers } from '../../dialogue/dialogue.fakes.js';
import { AZURE, DEEPSEEK, GEMINI, OPENROUTER, VLLM } from './golden/compatible.js';
import { REFUSAL_STREAM, REQUEST, TEXT_ANSWER, TEXT_STREAM, TOOL_ANSWER, TOOLS_STREAM } from './golden/openai.js';
import { createOpenAiChatCodec, openAiChatCodec } from './index.js';

const options = { includeUsage: true, model: 'm', created: 7, id: 'i' };
const lenient = createOpenAiChatCodec({ reasoning: 'echo', maxTokens: 'max_completion_tokens', streamUsage: true });

describe('a body that is broken in any way', () => {
  const requests = fc.oneof(
    fc.constant<unknown>(REQUEST),
    conversations().map((conversation) => {
      const encoded = lenient.encodeRequest(conversation);
      return encoded.ok ? encoded.value.body : REQUEST;
    }),
  );

  it('of a request is a conversation that can be encoded again, or has problems with names', () => {
    let refused = 0;
    fc.assert(
      fc.property(requests.chain(mutated), (body) => {
        const decoded = openAiChatCodec.decodeRequest(body);
        if (decoded.ok) {
          // What was understood can be said, and means the same.
          const encoded = lenient.encodeRequest(decoded.value);
          if (!encoded.ok) expect(encoded.problems.every(({ kind }) => kind === 'inexpressible')).toBe(true);
          else if (encoded.value.ignoredHints === undefined) expect(openAiChatCodec.decodeRequest(encoded.value.body).ok).toBe(true);
          return;
        }
        refused += 1;
        for (const problem of decoded.problems) expect([typeof problem.param, problem.why === '', ['invalid', 'inexpressible'].includes(problem.kind)]).toEqual(['string', false, true]);
      }),
      { numRuns: 4_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('of a request names a member that nobody knows, wherever it stands', () => {
    // What is below these is a schema, or a hint that is passed over.
    const opaque = new Set(['parameters', 'schema', 'reasoning_details']);
    const objectsIn = (value: unknown): Record<string, unknown>[] => {
      if (typeof value !== 'object' || value === null) return [];
      const inside = Object.entries(value).filter(([key]) => !opaque.has(key)).flatMap(([, member]) => objectsIn(member));
      return Array.isArray(value) ? inside : [value as Record<string, unknown>, ...inside];
    };
    fc.assert(
      fc.property(requests, fc.nat(), fc.constantFrom('surprise', 'constructor', 'toString', 'top_k'), (body, place, name) => {
        const copy: unknown = structuredClone(body);
        const objects = objectsIn(copy);
        const target = objects[place % objects.length] ?? {};
        target[name] = 'x';
        const decoded = openAiChatCodec.decodeRequest(JSON.parse(JSON.stringify(copy)));
        expect(decoded.ok ? [] : decoded.problems.map(({ kind, param }) => [kind, param.split('.').at(-1)])).toEqual([['inexpressible', name]]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('of an answer is an answer that can be encoded, or a violation of the protocol', () => {
    const bodies = fc.oneof(fc.constantFrom<unknown>(TEXT_ANSWER, TOOL_ANSWER), answers().map(openAiChatCodec.encodeAnswer));
    fc.assert(
      fc.property(bodies.chain(mutated), (body) => {
        try {
          const answer = openAiChatCodec.decodeAnswer(body);
          expect(JSON.stringify(openAiChatCodec.encodeAnswer(answer))).toContain('chat.completion');
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation);
        }
        openAiChatCodec.readUsage(body);
        expect(openAiChatCodec.decodeError(500, body)).toMatchObject({ httpStatus: 500, kind: 'server' });
      }),
      { numRuns: 4_000 },
    );
  });

  it('of a stream tells an answer in order, an error, or is a violation of the protocol', () => {
    const recorded = fc.constantFrom(TEXT_STREAM, TOOLS_STREAM, REFUSAL_STREAM, DEEPSEEK, OPENROUTER, AZURE, GEMINI, VLLM);
    const written = streamedAnswers().map(({ events }) => {
      const encoder = openAiChatCodec.createStreamEncoder(options);
      return events.flatMap((event) => encoder.push(event)).map(({ data }) => data);
    });
    const broken = fc.oneof(recorded, written).chain((stream) =>
      fc.array(fc.tuple(fc.nat(), fc.constantFrom('body', 'text', 'drop', 'repeat')), { minLength: 1, maxLength: 2 }).chain((changes) =>
        fc.tuple(...changes.map(([place, how]) => {
          const at = place % stream.length;
          const data = stream[at] ?? '';
          const change = how === 'body' && data !== '[DONE]' ? mutated(JSON.parse(data)).map((body) => [JSON.stringify(body)]) : fc.constant(how === 'drop' ? [] : how === 'repeat' ? [data, data] : [data.slice(0, place % (data.length + 1))]);
          return change.map((instead) => ({ at, instead }));
        })).map((made) => stream.flatMap((data, index) => made.find(({ at }) => at === index)?.instead ?? [data])),
      ),
    );
    let told = 0;
    fc.assert(
      fc.property(broken, (stream) => {
        const decoder = openAiChatCodec.createStreamDecoder();
        const encoder = openAiChatCodec.createStreamEncoder(options);
        try {
          const events = [...stream.flatMap((data) => decoder.push({ event: null, data })), ...decoder.finish()];
          events.forEach((event) => encoder.push(event));
          foldEvents(events);
          told += 1;
        } catch (error) {
          expect(error instanceof ProtocolViolation || error instanceof StreamedError).toBe(true);
        }
      }),
      { numRuns: 4_000 },
    );
    expect(told).toBeGreaterThan(200);
  });
});
