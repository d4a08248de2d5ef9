import { ProtocolViolation } from '../../dialogue/codec.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { decodeAnswer, encodeAnswer } from './answer.js';
import { TEXT_ANSWER, TOOL_ANSWER } from './golden/openai.js';

const answer = (message: unknown, finish_reason: unknown = 'stop', more: object = {}): unknown => ({ ...TEXT_ANSWER, choices: [{ index: 0, message, finish_reason, ...more }] });
const candidate = (body: unknown): unknown => decodeAnswer(body).candidates[0];

describe('decodeAnswer', () => {
  it("reads OpenAI's examples", () => {
    expect(decodeAnswer(TEXT_ANSWER)).toEqual({
      id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
      model: 'gpt-5.4',
      created: 1741569952,
      candidates: [{ index: 0, parts: [{ type: 'text', text: 'Hello! How can I assist you today?' }], stop: 'stop', stopSequence: null }],
      usage: { promptTokens: 19, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 10, reasoningTokens: 0 },
    });
    expect(candidate(TOOL_ANSWER)).toEqual({ index: 0, parts: [{ type: 'tool_call', id: 'call_abc123', name: 'get_current_weather', arguments: '{\n"location": "Boston, MA"\n}' }], stop: 'tool_calls', stopSequence: null });
  });

  it.each([
    ['DeepSeek', { content: 'a', reasoning_content: 'b' }, [{ type: 'thinking', text: 'b', signature: null }, { type: 'text', text: 'a' }]],
    ['OpenRouter', { content: 'a', reasoning: 'b', reasoning_details: [{ type: 'reasoning.text', text: 'b', signature: 's' }] }, [{ type: 'thinking', text: 'b', signature: { by: 'openai-chat', value: 's' } }, { type: 'text', text: 'a' }]],
    ["OpenRouter's ciphertext", { content: 'a', reasoning: 'b', reasoning_details: [{ type: 'reasoning.encrypted', data: 'c' }] }, [{ type: 'thinking', text: 'b', signature: null }, { type: 'redacted_thinking', data: { by: 'openai-chat', value: 'c' } }, { type: 'text', text: 'a' }]],
    ['content in parts', { content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }, [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }]],
    ['arguments that are written out', { content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: { x: 1 } } }] }, [{ type: 'tool_call', id: 'c', name: 'f', arguments: '{"x":1}' }]],
    ['no arguments', { content: '', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f' } }] }, [{ type: 'tool_call', id: 'c', name: 'f', arguments: '{}' }]],
    ['no tool calls, said in full', { content: 'a', tool_calls: [], function_call: null, audio: null, refusal: null }, [{ type: 'text', text: 'a' }]],
    ['nothing at all', {}, []],
  ])('reads %s', (_name, message, parts) => {
    expect(candidate(answer(message))).toMatchObject({ parts });
  });

  it('knows a refusal that ends with `stop`, a filter, a forced tool, a stop sequence', () => {
    const tool_calls = [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }];
    expect(candidate(answer({ content: null, refusal: 'No.' }))).toMatchObject({ stop: 'refusal', parts: [{ type: 'refusal', text: 'No.' }] });
    expect(candidate(answer({ content: 'x' }, 'content_filter'))).toMatchObject({ stop: 'refusal' });
    expect(candidate(answer({ content: null, tool_calls }))).toMatchObject({ stop: 'tool_calls' });
    expect(candidate(answer({ content: 'x' }, 'stop', { stop_reason: 'END' }))).toMatchObject({ stop: 'stop_sequence', stopSequence: 'END' });
    expect(candidate(answer({ content: 'x' }, 'stop', { stop_reason: 128009 }))).toMatchObject({ stop: 'stop', stopSequence: null });
  });

  it('does without what compatible servers leave out, and with a usage that makes no sense', () => {
    expect(decodeAnswer({ choices: [{ message: { content: 'x' }, finish_reason: 'stop' }], usage: { prompt_tokens: -1 } })).toEqual({ id: '', model: '', created: 0, usage: null, candidates: [{ index: 0, parts: [{ type: 'text', text: 'x' }], stop: 'stop', stopSequence: null }] });
  });

  it.each([
    ['nothing', null],
    ['an error', { error: { message: 'x' } }],
    ['no choices', { ...TEXT_ANSWER, choices: [] }],
    ['a choice that is no object', { ...TEXT_ANSWER, choices: ['x'] }],
    ['two choices of one index', { ...TEXT_ANSWER, choices: [...TEXT_ANSWER.choices, ...TEXT_ANSWER.choices] }],
    ['an index that is none', { ...TEXT_ANSWER, choices: [{ ...TEXT_ANSWER.choices[0], index: 'x' }] }],
    ['no message', answer(undefined)],
    ['content of another kind', answer({ content: [{ type: 'image_url' }] })],
    ['content that is no text', answer({ content: 5 })],
    ['a refusal that is no text', answer({ refusal: {} })],
    ['tool calls that are no list', answer({ tool_calls: 'x' })],
    ['a tool call that is no object', answer({ tool_calls: ['x'] })],
    ['a tool call without a function', answer({ tool_calls: [{ id: 'c' }] })],
    ['a tool call without an id', answer({ tool_calls: [{ function: { name: 'f' } }] })],
    ['arguments that are no text', answer({ tool_calls: [{ id: 'c', function: { name: 'f', arguments: [] } }] })],
    ['a deprecated call', answer({ function_call: { name: 'f', arguments: '{}' } })],
    ['audio', answer({ audio: { id: 'a' } })],
    ['no reason', answer({ content: 'x' }, null)],
    ['an unknown reason', answer({ content: 'x' }, 'toString')],
  ])('refuses %s', (_name, body) => {
    expect(() => decodeAnswer(body)).toThrow(ProtocolViolation);
  });
});

describe('encodeAnswer', () => {
  it('writes what the SDKs expect', () => {
    const { service_tier: _tier, ...expected } = TEXT_ANSWER;
    expect(encodeAnswer(decodeAnswer(TEXT_ANSWER))).toEqual({
      ...expected,
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello! How can I assist you today?', refusal: null }, logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29, prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } },
    });
  });

  it('joins texts, keeps every piece of signed reasoning, and says nothing of a usage that is not known', () => {
    const parts: AssistantPart[] = [
      { type: 'thinking' as const, text: 'a', signature: { by: 'openai-chat', value: 's' } },
      { type: 'redacted_thinking' as const, data: { by: 'openai-chat', value: 'd' } },
      { type: 'text' as const, text: 'x' },
      { type: 'text' as const, text: 'y' },
    ];
    expect(encodeAnswer({ id: 'i', model: 'm', created: 1, usage: null, candidates: [{ index: 0, parts, stop: 'pause', stopSequence: null }] })).toEqual({
      id: 'i',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'xy',
            refusal: null,
            reasoning_content: 'a',
            reasoning_details: [
              { type: 'reasoning.text', text: 'a', signature: 's', index: 0 },
              { type: 'reasoning.encrypted', data: 'd', index: 1 },
            ],
          },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
    });
  });
});
