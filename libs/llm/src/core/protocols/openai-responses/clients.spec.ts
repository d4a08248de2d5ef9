import { createOpenAI } from '@ai-sdk/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import fc from 'fast-check';
import { z } from 'zod';
import { type Answer } from '../../dialogue/answer.js';
import { type Conversation } from '../../dialogue/conversation.js';
import { eventsOf } from '../../dialogue/dialogue.fakes.js';
import { formatSse } from '../../dialogue/sse.js';
import { openAiResponsesCodec as codec } from './index.js';

const answer = (id: string, stop: 'tool_calls' | 'stop', parts: Answer['candidates'][number]['parts']): Answer => ({
  id, model: 'gpt-5.4', created: 1, usage: { promptTokens: 9, cachedTokens: 3, cacheWriteTokens: 2, completionTokens: 5, reasoningTokens: 4 }, candidates: [{ index: 0, stop, stopSequence: null, parts }],
});

const calling = answer('resp_1', 'tool_calls', [
  { type: 'thinking', text: '', signature: { by: 'gemini', value: 'kept' } },
  { type: 'thinking', text: 'Let me look.', signature: { by: 'anthropic-messages', value: 'signed' } },
  { type: 'redacted_thinking', data: { by: 'openai-responses', value: 'sealed' } },
  { type: 'text', text: 'Wait.' },
  { type: 'tool_call', id: 'call_1', name: 'look', arguments: '{"at":1}', signature: 'thought' },
  { type: 'tool_call', id: 'call_2', name: 'look', arguments: '{"at":2}' },
]);
const done = answer('resp_2', 'stop', [{ type: 'text', text: 'Done.' }]);

/** A server that calls a tool first and is done then, and what it was asked. */
function server(): { fetch: typeof fetch; asked: Conversation[] } {
  const asked: Conversation[] = [];
  const fetch: typeof globalThis.fetch = (_url, init) => {
    const request = codec.decodeRequest(JSON.parse(init?.body as string));
    if (!request.ok) throw new Error(JSON.stringify(request.problems));
    asked.push(request.value);
    const said = asked.length === 1 ? calling : done;
    if (!request.value.stream) return Promise.resolve(new Response(JSON.stringify(codec.encodeAnswer(said)), { headers: { 'content-type': 'application/json' } }));
    const encoder = codec.createStreamEncoder({ includeUsage: true, model: said.model, created: 1, id: 'x' });
    const [events] = fc.sample(eventsOf(said), 1);
    return Promise.resolve(new Response((events ?? []).flatMap((event) => encoder.push(event)).map(formatSse).join(''), { headers: { 'content-type': 'text/event-stream' } }));
  };
  return { fetch, asked };
}

/** The last request holds all that the first answer said, signatures included. */
function expectAllCameBack(asked: readonly Conversation[]): void {
  expect(asked).toHaveLength(2);
  expect(asked[1]?.turns).toEqual([
    { role: 'user', parts: [{ type: 'text', text: 'Hi' }] },
    { role: 'assistant', parts: calling.candidates[0]?.parts },
    { role: 'user', parts: ['call_1', 'call_2'].map((toolCallId) => ({ type: 'tool_result', toolCallId, content: [{ type: 'text', text: 'seen' }], isError: false })) },
  ]);
}

describe("the ai SDK's provider", () => {
  const request = (fetch: typeof globalThis.fetch) => ({
    model: createOpenAI({ apiKey: 'test', fetch }).responses('gpt-5.4'),
    prompt: 'Hi',
    tools: { look: tool({ inputSchema: z.object({ at: z.number() }), execute: () => 'seen' }) },
    stopWhen: stepCountIs(3),
    providerOptions: { openai: { store: false, reasoningEffort: 'high' } },
  });

  it('calls tools in parallel and brings back what the model thought', async () => {
    const { fetch, asked } = server();
    const { text, usage, finishReason } = await generateText(request(fetch));
    expect({ text, finishReason }).toEqual({ text: 'Done.', finishReason: 'stop' });
    expect(usage).toMatchObject({ inputTokens: 18, inputTokenDetails: { cacheReadTokens: 6, cacheWriteTokens: 4 }, outputTokens: 10, outputTokenDetails: { reasoningTokens: 8 } });
    expectAllCameBack(asked);
  });

  it('does so from streams', async () => {
    const { fetch, asked } = server();
    const result = streamText({ ...request(fetch), onError: ({ error }) => { throw error; } });
    expect(await result.text).toBe('Done.');
    expectAllCameBack(asked);
  });
});

describe("LangChain's provider", () => {
  it('calls tools in parallel and brings back what the model thought', async () => {
    const { fetch, asked } = server();
    const model = new ChatOpenAI({ model: 'gpt-5.4', apiKey: 'test', useResponsesApi: true, zdrEnabled: true, reasoning: { effort: 'high', summary: 'auto' }, configuration: { fetch } }).bindTools([
      { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: { at: { type: 'integer' } } } } },
    ]);
    const called = await model.invoke([new HumanMessage('Hi')]);
    const results = (called.tool_calls ?? []).map(({ id }) => new ToolMessage({ content: 'seen', tool_call_id: id ?? '' }));
    expect((await model.invoke([new HumanMessage('Hi'), called, ...results])).text).toBe('Done.');
    expect(called.usage_metadata).toMatchObject({ input_tokens: 9, output_tokens: 5, input_token_details: { cache_read: 3, cache_creation: 2 }, output_token_details: { reasoning: 4 } });
    expectAllCameBack(asked);
  });
});
