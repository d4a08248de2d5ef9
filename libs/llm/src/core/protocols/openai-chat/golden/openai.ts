/** Bodies and streams in OpenAI's own form: developers.openai.com/api/reference/resources/chat (examples of the reference). */

const chunk = (delta: object, finish_reason: string | null = null, more: object = {}): string =>
  JSON.stringify({
    id: 'chatcmpl-123',
    object: 'chat.completion.chunk',
    created: 1694268190,
    model: 'gpt-4o-mini',
    system_fingerprint: 'fp_44709d6fcb',
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...more,
  });

export const TEXT_ANSWER = {
  id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
  object: 'chat.completion',
  created: 1741569952,
  model: 'gpt-5.4',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello! How can I assist you today?', refusal: null, annotations: [] }, logprobs: null, finish_reason: 'stop' }],
  usage: {
    prompt_tokens: 19,
    completion_tokens: 10,
    total_tokens: 29,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  },
  service_tier: 'default',
};

export const TOOL_ANSWER = {
  id: 'chatcmpl-abc123',
  object: 'chat.completion',
  created: 1699896916,
  model: 'gpt-4o-mini',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: null, tool_calls: [{ id: 'call_abc123', type: 'function', function: { name: 'get_current_weather', arguments: '{\n"location": "Boston, MA"\n}' } }] },
      logprobs: null,
      finish_reason: 'tool_calls',
    },
  ],
  usage: { prompt_tokens: 82, completion_tokens: 17, total_tokens: 99, completion_tokens_details: { reasoning_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 } },
};

/** The whole of a request with an image and tools, as the reference shows them. */
export const REQUEST = {
  model: 'gpt-5.4',
  messages: [
    { role: 'developer', content: 'You are a helpful assistant.' },
    { role: 'user', content: [{ type: 'text', text: "What's in this image?" }, { type: 'image_url', image_url: { url: 'https://example.com/boardwalk.jpg', detail: 'high' } }] },
    { role: 'assistant', content: null, tool_calls: [{ id: 'call_abc123', type: 'function', function: { name: 'get_current_weather', arguments: '{"location":"Boston, MA"}' } }] },
    { role: 'tool', tool_call_id: 'call_abc123', content: '22 C' },
  ],
  max_completion_tokens: 300,
  tools: [
    {
      type: 'function',
      function: {
        name: 'get_current_weather',
        description: 'Get the current weather in a given location',
        parameters: { type: 'object', properties: { location: { type: 'string' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } }, required: ['location'] },
        strict: true,
      },
    },
  ],
  tool_choice: 'auto',
};

export const TEXT_STREAM = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hello' }), chunk({}, 'stop'), '[DONE]'];

const usage = { prompt_tokens: 20, completion_tokens: 33, total_tokens: 53, prompt_tokens_details: { cached_tokens: 16 }, completion_tokens_details: { reasoning_tokens: 0 } };

/** Two calls in parallel, and the usage that `include_usage` asks for. */
export const TOOLS_STREAM = [
  chunk({ role: 'assistant', content: null, tool_calls: [{ index: 0, id: 'call_DdmO9pD3xa9XTPNJ32zg2hcA', type: 'function', function: { name: 'get_weather', arguments: '' } }], refusal: null }, null, { usage: null }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"' } }] }, null, { usage: null }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: 'location":"Paris"}' } }] }, null, { usage: null }),
  chunk({ tool_calls: [{ index: 1, id: 'call_lX9Jm4yvaPqYQuA9vTRH2FKN', type: 'function', function: { name: 'get_weather', arguments: '' } }] }, null, { usage: null }),
  chunk({ tool_calls: [{ index: 1, function: { arguments: '{"location":"Rome"}' } }] }, null, { usage: null }),
  chunk({}, 'tool_calls', { usage: null }),
  JSON.stringify({ id: 'chatcmpl-123', object: 'chat.completion.chunk', created: 1694268190, model: 'gpt-4o-mini', system_fingerprint: 'fp_44709d6fcb', choices: [], usage }),
  '[DONE]',
];

export const REFUSAL_STREAM = [chunk({ role: 'assistant', content: '', refusal: null }), chunk({ refusal: "I'm very sorry, " }), chunk({ refusal: "but I can't assist with that." }), chunk({}, 'stop'), '[DONE]'];
