/** Streams of compatible providers, each with what it does in its own way. */

const chunk = (head: object, choices: object[], more: object = {}): string => JSON.stringify({ id: 'gen-1', object: 'chat.completion.chunk', created: 1750000000, model: 'm', ...head, choices, ...more });
const one = (delta: object, finish_reason: string | null = null, more: object = {}): object[] => [{ index: 0, delta, finish_reason, ...more }];

/** api-docs.deepseek.com/guides/thinking_mode: `reasoning_content`, then the answer; the usage in the last chunk. */
export const DEEPSEEK = [
  chunk({}, one({ role: 'assistant', content: null, reasoning_content: '' })),
  chunk({}, one({ content: null, reasoning_content: '9.8 is ' })),
  chunk({}, one({ content: null, reasoning_content: 'greater.' })),
  chunk({}, one({ content: '9.8', reasoning_content: null })),
  chunk({}, one({ content: '', reasoning_content: null }, 'stop'), {
    usage: { prompt_tokens: 16, completion_tokens: 40, total_tokens: 56, prompt_tokens_details: { cached_tokens: 10 }, completion_tokens_details: { reasoning_tokens: 30 }, prompt_cache_hit_tokens: 10, prompt_cache_miss_tokens: 6 },
  }),
  '[DONE]',
];

/** openrouter.ai/docs/use-cases/reasoning-tokens: text and details side by side, the signature at the end, an encrypted part. */
export const OPENROUTER = [
  chunk({}, one({ role: 'assistant', content: '', reasoning: 'Let me ', reasoning_details: [{ type: 'reasoning.text', text: 'Let me ', format: 'anthropic-claude-v1', index: 0 }] })),
  chunk({}, one({ role: 'assistant', content: '', reasoning: 'see.', reasoning_details: [{ type: 'reasoning.text', text: 'see.', format: 'anthropic-claude-v1', index: 0 }] })),
  chunk({}, one({ role: 'assistant', content: '', reasoning_details: [{ type: 'reasoning.text', signature: 'c2ln', format: 'anthropic-claude-v1', index: 0 }] })),
  chunk({}, one({ role: 'assistant', content: '', reasoning_details: [{ type: 'reasoning.encrypted', data: 'ZW5j', format: 'anthropic-claude-v1', index: 1 }] })),
  chunk({}, one({ role: 'assistant', content: 'Yes.' })),
  chunk({}, one({ role: 'assistant', content: '' }, 'stop', { native_finish_reason: 'end_turn' })),
  chunk({}, one({ role: 'assistant', content: '' }), { usage: { prompt_tokens: 5, completion_tokens: 9, total_tokens: 14, cost: 0.1 } }),
  '[DONE]',
];

/** Azure tells first of the prompt's filter, without a choice: learn.microsoft.com/azure/ai-services/openai/concepts/content-streaming. */
export const AZURE = [
  JSON.stringify({ id: '', object: '', created: 0, model: '', prompt_filter_results: [{ prompt_index: 0, content_filter_results: { hate: { filtered: false, severity: 'safe' } } }], choices: [] }),
  chunk({ id: 'chatcmpl-7rC' }, one({ role: 'assistant', content: '' })),
  chunk({ id: 'chatcmpl-7rC' }, one({ content: 'Color' })),
  chunk({ id: 'chatcmpl-7rC' }, one({}, 'content_filter')),
  '[DONE]',
];

/** Gemini's endpoint: calls arrive whole, all under index 0, the first with its signature; no `[DONE]` is relied upon. */
export const GEMINI = [
  chunk({}, one({ role: 'assistant', tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: { name: 'f', arguments: '{"x":1}' }, extra_content: { google: { thought_signature: 'c2ln' } } }] })),
  chunk({}, one({ role: 'assistant', tool_calls: [{ index: 0, id: 'call_b', type: 'function', function: { name: 'g', arguments: '{"y":2}' } }] }, 'stop')),
];

/** vLLM says which sequence stopped it, and counts in every chunk where it is asked to (`continuous_usage_stats`). */
export const VLLM = [
  chunk({}, one({ role: 'assistant', content: '' }), { usage: { prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 } }),
  chunk({}, one({ content: 'one two' }), { usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } }),
  chunk({}, one({ content: '' }, 'stop', { stop_reason: ' three' }), { usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 } }),
  '[DONE]',
];
