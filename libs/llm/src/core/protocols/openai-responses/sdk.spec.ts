import fc from 'fast-check';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { type Answer, type AnswerEvent } from '../../dialogue/answer.js';
import { answers, eventsOf } from '../../dialogue/dialogue.fakes.js';
import { formatSse } from '../../dialogue/sse.js';
import { asRefused, EXPRESSIBLE } from './expressible.fakes.js';
import { openAiResponsesCodec as codec } from './index.js';

/** The official SDK before a server that answers with this. */
const client = (body: string, type: string, status = 200): OpenAI =>
  new OpenAI({ apiKey: 'test', baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0, fetch: () => Promise.resolve(new Response(body, { status, headers: { 'content-type': type } })) });

const streaming = (events: readonly AnswerEvent[], model: string): OpenAI => {
  const encoder = codec.createStreamEncoder({ includeUsage: true, model, created: 7, id: 'fallback' });
  return client(events.flatMap((event) => encoder.push(event)).map(formatSse).join(''), 'text/event-stream');
};
const whole = (answer: Answer): OpenAI => client(JSON.stringify(codec.encodeAnswer(answer)), 'application/json');

const request = { model: 'm', input: 'Hi' };
const textsOf = (answer: Answer): string => answer.candidates.flatMap(({ parts }) => parts.map((part) => (part.type === 'text' ? part.text : ''))).join('');
const said = (text: string): Answer => ({ id: 'resp_1', model: 'm', created: 1, usage: null, candidates: [{ index: 0, stop: 'stop', stopSequence: null, parts: [{ type: 'text', text }] }] });
const withoutUndefined = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the official SDK', () => {
  it('accepts any stream, event by event, and makes the same answer of it', async () => {
    const streamed = answers(EXPRESSIBLE).map(asRefused).chain((answer) => eventsOf(answer).map((events) => ({ answer, events })));
    await fc.assert(
      fc.asyncProperty(streamed, async ({ answer, events }) => {
        const stream = streaming(events, answer.model).responses.stream(request);
        let text = '';
        let call = '';
        stream.on('response.output_text.delta', ({ delta }) => (text += delta));
        stream.on('response.function_call_arguments.delta', ({ delta }) => (call += delta));
        const response = await stream.finalResponse();
        expect(response.output_text).toBe(textsOf(answer));
        expect(text).toBe(textsOf(answer));
        expect(call).toBe(answer.candidates.flatMap(({ parts }) => parts.map((part) => (part.type === 'tool_call' ? part.arguments : ''))).join(''));
        expect(withoutParsed(response)).toEqual({ ...(withoutUndefined(codec.encodeAnswer(answer)) as object), output_text: textsOf(answer) });
      }),
      { numRuns: 100 },
    );
  });

  it('gives the text of a whole answer', async () => {
    expect((await whole(said('Hello.')).responses.create(request)).output_text).toBe('Hello.');
  });

  it('parses JSON by a schema, whole and streamed', async () => {
    const text = { format: zodTextFormat(z.object({ city: z.string() }), 'place') };
    const answer = said('{"city":"Paris"}');
    expect((await whole(answer).responses.parse({ ...request, text })).output_parsed).toEqual({ city: 'Paris' });
    const [events] = fc.sample(eventsOf(answer), 1);
    expect((await streaming(events ?? [], 'm').responses.stream({ ...request, text }).finalResponse()).output_parsed).toEqual({ city: 'Paris' });
  });

  it('raises its own errors', async () => {
    const error = { httpStatus: 429, kind: 'rate_limit' as const, message: 'Slow down.', code: 'rate_limit_exceeded', param: null };
    const raised: unknown = await client(JSON.stringify(codec.encodeError(error, 'req')), 'application/json', 429).responses.create(request).catch((reason: unknown) => reason);
    expect(raised).toBeInstanceOf(OpenAI.RateLimitError);
    expect(raised).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
    const stream = streaming([{ type: 'start', id: 'a', model: 'm', created: 1 }, { type: 'error', error }], 'm').responses.stream(request);
    await expect(stream.finalResponse()).rejects.toMatchObject({ message: 'Slow down.', code: 'rate_limit_exceeded' });
  });

  it('writes requests that are read, with what an earlier answer said in them', async () => {
    const answer: Answer = {
      ...said(''),
      candidates: [{ index: 0, stop: 'tool_calls', stopSequence: null, parts: [{ type: 'thinking', text: 'Hm', signature: { by: 'openai-responses', value: 's' } }, { type: 'text', text: 'Wait.' }, { type: 'tool_call', id: 'call_1', name: 'f', arguments: '{}' }] }],
    };
    const { output } = await whole(answer).responses.create(request);
    const sent: unknown[] = [];
    const recording = new OpenAI({ apiKey: 'test', baseURL: 'http://127.0.0.1:1/v1', fetch: (_url, init) => {
      sent.push(JSON.parse(init?.body as string));
      return Promise.resolve(new Response(JSON.stringify(codec.encodeAnswer(said('Done.'))), { headers: { 'content-type': 'application/json' } }));
    } });
    await recording.responses.create({ ...request, store: false, input: [{ role: 'user', content: 'Hi' }, ...output, { type: 'function_call_output', call_id: 'call_1', output: '1' }] as OpenAI.Responses.ResponseInput });
    expect(codec.decodeRequest(sent[0])).toMatchObject({
      ok: true,
      value: { turns: [{ role: 'user' }, { role: 'assistant', parts: answer.candidates[0]?.parts }, { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'call_1', content: [{ type: 'text', text: '1' }] }] }] },
    });
  });
});

/** Without what the SDK's helper adds. */
function withoutParsed(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, member: unknown) => (key === 'parsed' || key === 'parsed_arguments' || key === 'output_parsed' ? undefined : member)));
}
