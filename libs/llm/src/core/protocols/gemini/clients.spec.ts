import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { FunctionCallingConfigMode, GoogleGenAI, ThinkingLevel } from '@google/genai';
import { generateText, jsonSchema, streamText, tool } from 'ai';
import { type Answer, type AnswerEvent } from '../../dialogue/answer.js';
import { type Conversation } from '../../dialogue/conversation.js';
import { formatSse } from '../../dialogue/sse.js';
import { geminiCodec } from './index.js';
import { parseGeminiPath } from './path.js';

/** Official clients against this codec as their server, without a network. */
const ANSWER: Answer = {
  id: 'resp-1',
  model: 'gemini-3.8-flash',
  created: 0,
  candidates: [
    {
      index: 0,
      parts: [
        { type: 'thinking', text: 'Look outside.', signature: null },
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_call', id: 'call_1', name: 'weather', arguments: '{"city":"Paris"}', signature: 'c2ln' },
        { type: 'tool_call', id: 'call_2', name: 'weather', arguments: '{"city":"Bern"}' },
      ],
      stop: 'tool_calls',
      stopSequence: null,
    },
  ],
  usage: { promptTokens: 30, cachedTokens: 10, cacheWriteTokens: 0, completionTokens: 25, reasoningTokens: 20 },
};

const EVENTS: readonly AnswerEvent[] = [
  { type: 'start', id: 'resp-1', model: 'gemini-3.8-flash', created: 0 },
  { type: 'part_start', candidate: 0, part: 0, start: { type: 'text' } },
  ...['Hel', 'lo.'].map((text): AnswerEvent => ({ type: 'delta', candidate: 0, part: 0, delta: { type: 'text', text } })),
  { type: 'part_end', candidate: 0, part: 0 },
  { type: 'stop', candidate: 0, reason: 'stop', stopSequence: null },
  { type: 'usage', usage: { promptTokens: 5, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 2, reasoningTokens: 0 } },
  { type: 'end' },
];

/** What the clients asked, and a `fetch` that answers them. */
function server(): { readonly asked: Conversation[]; readonly fetch: typeof fetch } {
  const asked: Conversation[] = [];
  const answer: typeof fetch = (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const decoded = geminiCodec.decodeRequest({ ...(JSON.parse(String(init?.body)) as object), ...parseGeminiPath(url.pathname) });
    if (!decoded.ok) return Promise.resolve(Response.json(geminiCodec.encodeError({ httpStatus: 400, kind: 'invalid_request', message: JSON.stringify(decoded.problems), code: null, param: null }, 'r'), { status: 400 }));
    asked.push(decoded.value);
    if (!decoded.value.stream) return Promise.resolve(Response.json(geminiCodec.encodeAnswer(ANSWER)));
    const encoder = geminiCodec.createStreamEncoder({ includeUsage: true, model: decoded.value.model, created: 0, id: 'r' });
    return Promise.resolve(new Response(EVENTS.flatMap((event) => encoder.push(event)).map(formatSse).join(''), { headers: { 'content-type': 'text/event-stream' } }));
  };
  return { asked, fetch: answer };
}

const SCHEMA = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'] };
const CALLS = [
  { id: 'call_1', args: { city: 'Paris' } },
  { id: 'call_2', args: { city: 'Bern' } },
];

describe("Google's client", () => {
  const { asked, fetch } = server();
  const ai = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: 'http://provider.test', fetch } });

  it('is understood, and understands calls, thoughts and usage', async () => {
    const config = {
      systemInstruction: 'Be brief.',
      temperature: 0.5,
      tools: [{ functionDeclarations: [{ name: 'weather', description: 'Tells it.', parametersJsonSchema: SCHEMA }] }],
      toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
      thinkingConfig: { thinkingLevel: ThinkingLevel.LOW, includeThoughts: true },
    };
    const question = { role: 'user', parts: [{ text: 'Weather in Paris and Bern?' }] };
    const first = await ai.models.generateContent({ model: 'gemini-3.8-flash', contents: [question], config });
    expect(asked.at(-1)).toMatchObject({
      model: 'gemini-3.8-flash', stream: false, system: [{ text: 'Be brief.' }], temperature: 0.5, toolChoice: { kind: 'required' }, tools: [{ name: 'weather', parameters: SCHEMA }],
      reasoning: { enabled: true, effort: 'low' },
    });
    expect(first.candidates?.[0]?.content?.parts?.slice(0, 2)).toEqual([{ text: 'Look outside.', thought: true }, { text: 'Let me see.' }]);
    expect(first.functionCalls).toMatchObject(CALLS);
    expect(first.usageMetadata).toMatchObject({ promptTokenCount: 30, cachedContentTokenCount: 10, candidatesTokenCount: 5, thoughtsTokenCount: 20, totalTokenCount: 55 });

    const spoken = first.candidates?.[0]?.content ?? {};
    const results = CALLS.map(({ id }) => ({ functionResponse: { id, name: 'weather', response: { output: `sun of ${id}` } } }));
    await ai.models.generateContent({ model: 'gemini-3.8-flash', contents: [question, spoken, { role: 'user', parts: results }], config });
    expect(asked.at(-1)?.turns).toEqual([
      { role: 'user', parts: [{ type: 'text', text: 'Weather in Paris and Bern?' }] },
      { role: 'assistant', parts: ANSWER.candidates[0]?.parts },
      { role: 'user', parts: CALLS.map(({ id }) => ({ type: 'tool_result', toolCallId: id, content: [{ type: 'text', text: `sun of ${id}` }], isError: false })) },
    ]);
  });

  it('streams', async () => {
    const pieces: unknown[] = [];
    let total: number | undefined;
    for await (const piece of await ai.models.generateContentStream({ model: 'gemini-3.8-flash', contents: 'Hi' })) {
      pieces.push(piece.text);
      total = piece.usageMetadata?.totalTokenCount ?? total;
    }
    expect(asked.at(-1)?.stream).toBe(true);
    expect(pieces.filter((text) => text !== undefined && text !== '')).toEqual(['Hel', 'lo.']);
    expect(total).toBe(7);
  });

  it('raises its own error', async () => {
    await expect(ai.models.generateContent({ model: 'gemini-3.8-flash', contents: 'Hi', config: { tools: [{ googleSearch: {} }] } })).rejects.toMatchObject({ name: 'ApiError', status: 400 });
  });
});

describe("Vercel's provider for Gemini", () => {
  const { asked, fetch } = server();
  const model = createGoogleGenerativeAI({ apiKey: 'k', baseURL: 'http://provider.test/v1beta', fetch })('gemini-3.8-flash');

  it('is understood, and understands calls, their signatures and usage', async () => {
    const tools = { weather: tool({ description: 'Tells it.', inputSchema: jsonSchema<{ city: string }>(SCHEMA) }) };
    const first = await generateText({ model, tools, prompt: 'Weather in Paris and Bern?' });
    expect(first.toolCalls).toMatchObject(CALLS.map(({ id, args }) => ({ toolCallId: id, toolName: 'weather', input: args })));
    expect(first.finishReason).toBe('tool-calls');
    expect(first.usage).toMatchObject({ inputTokens: 30, outputTokens: 25, totalTokens: 55 });

    const results = CALLS.map(({ id }) => ({ type: 'tool-result' as const, toolCallId: id, toolName: 'weather', output: { type: 'text' as const, value: 'sun' } }));
    await generateText({ model, tools, messages: [{ role: 'user', content: 'Weather?' }, ...first.response.messages, { role: 'tool', content: results }] });
    expect(asked.at(-1)?.turns).toMatchObject([
      { role: 'user' },
      { role: 'assistant', parts: ANSWER.candidates[0]?.parts },
      { role: 'user', parts: CALLS.map(({ id }) => ({ type: 'tool_result', toolCallId: id, isError: false })) },
    ]);
  });

  it('streams', async () => {
    const result = streamText({ model, prompt: 'Hi' });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces).toEqual(['Hel', 'lo.']);
    expect(await result.finishReason).toBe('stop');
    expect(await result.usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
  });
});
