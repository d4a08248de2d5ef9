import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { type AnswerEvent } from '../../dialogue/answer.js';
import { openAiChatCodec as codec } from './index.js';

const thinking = { candidate: 0, part: 0 };
const call = { candidate: 0, part: 1 };
const usage = { promptTokens: 9, cachedTokens: 4, cacheWriteTokens: 1, completionTokens: 7, reasoningTokens: 3 };

describe("OpenAI's SDK", () => {
  it('puts a streamed answer together, and sends it back with signed reasoning and signed calls whole', async () => {
    const events: AnswerEvent[] = [
      { type: 'start', id: 'msg_1', model: 'claude', created: 1 },
      { type: 'part_start', ...thinking, start: { type: 'thinking' } },
      { type: 'delta', ...thinking, delta: { type: 'text', text: 'Let me ' } },
      { type: 'delta', ...thinking, delta: { type: 'text', text: 'see.' } },
      { type: 'delta', ...thinking, delta: { type: 'signature', signature: { by: 'anthropic-messages', value: 'c2ln' } } },
      { type: 'part_end', ...thinking },
      { type: 'part_start', ...call, start: { type: 'tool_call', id: 'call_1', name: 'f', signature: 'dGhv' } },
      { type: 'delta', ...call, delta: { type: 'arguments', text: '{"x"' } },
      { type: 'delta', ...call, delta: { type: 'arguments', text: ':1}' } },
      { type: 'part_end', ...call },
      { type: 'stop', candidate: 0, reason: 'tool_calls', stopSequence: null },
      { type: 'usage', usage },
      { type: 'end' },
    ];
    const encoder = codec.createStreamEncoder({ includeUsage: true, model: 'm', created: 1, id: 'i' });
    const chunks = events.flatMap((event) => encoder.push(event)).map(({ data }) => data).filter((data) => data !== '[DONE]');
    const body = new Response(`${chunks.join('\n')}\n`).body;
    if (body === null) throw new Error('a response of text has a body');
    const completion = await ChatCompletionStream.fromReadableStream(body).finalChatCompletion();

    expect(codec.readUsage(completion.usage)).toEqual(usage);
    const decoded = codec.decodeRequest({ model: 'm', messages: [{ role: 'user', content: 'x' }, completion.choices[0]?.message] });
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        turns: [
          { role: 'user' },
          { role: 'assistant', parts: [{ type: 'thinking', text: 'Let me see.', signature: { by: 'anthropic-messages', value: 'c2ln' } }, { type: 'tool_call', id: 'call_1', name: 'f', arguments: '{"x":1}', signature: 'dGhv' }] },
        ],
      },
    });
  });
});
