import { type Conversation } from '../../dialogue/conversation.js';
import { NOTHING_SAID } from '../../dialogue/nothing-said.js';
import { openAiResponsesCodec as codec } from './index.js';

export const minimal = { model: 'gpt-5.4', input: 'Hi' };

/** What `minimal` says. */
export const EMPTY: Conversation = { ...NOTHING_SAID, model: 'gpt-5.4', turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }] };

/** A body that uses all that is carried over, and all hints. */
export const full = {
  model: 'gpt-5.4',
  instructions: 'Be brief.',
  input: [
    { role: 'developer', content: 'In English.' },
    { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'Politely.' }] },
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'What is this?', prompt_cache_breakpoint: { mode: 'explicit' } },
        { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'low' },
        { type: 'input_image', image_url: 'data:image/png;base64,iVBORw==' },
        { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' },
        { type: 'input_file', file_url: 'https://example.com/b.pdf' },
        { type: 'input_file', filename: 'c.txt', file_data: 'data:text/plain;base64,w6k=' },
      ],
    },
    { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'First.' }, { type: 'summary_text', text: 'Then.' }], encrypted_content: 'gAAA', status: 'completed' },
    { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', phase: 'commentary', content: [{ type: 'output_text', text: 'Let me look.', annotations: [], logprobs: [] }] },
    { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{"at":1}', status: 'completed' },
    { type: 'function_call', id: 'fc_2', call_id: 'call_2', name: 'look', arguments: '{"at":2}', status: 'completed' },
    { type: 'function_call_output', call_id: 'call_1', output: 'a cat' },
    { type: 'function_call_output', call_id: 'call_2', output: [{ type: 'input_text', text: 'see' }, { type: 'input_image', image_url: 'data:image/png;base64,iVBORw==' }] },
    { type: 'reasoning', id: 'rs_2', encrypted_content: 'gBBB' },
    { role: 'assistant', content: 'A cat.' },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'No more.' }] },
    { role: 'system', content: 'Now in French.' },
    { role: 'user', content: 'And now?' },
  ],
  tools: [
    { type: 'function', name: 'look', description: 'Looks.', parameters: { type: 'object', properties: { at: { type: 'integer' } } }, strict: true },
    { type: 'function', name: 'stop', strict: false },
  ],
  tool_choice: { type: 'function', name: 'look' },
  parallel_tool_calls: false,
  max_output_tokens: 100,
  temperature: 0.5,
  top_p: 0.9,
  text: { format: { type: 'json_schema', name: 'answer', schema: { type: 'object' }, description: 'The answer.', strict: true }, verbosity: 'medium' },
  reasoning: { effort: 'high', summary: 'auto' },
  safety_identifier: 'user-1',
  stream: true,
  store: true,
  metadata: { a: 'b' },
  service_tier: 'auto',
  prompt_cache_key: 'k',
  prompt_cache_retention: '24h',
  prompt_cache_options: { mode: 'implicit', ttl: '30m' },
  max_tool_calls: 3,
  stream_options: { include_obfuscation: false },
  include: ['reasoning.encrypted_content'],
  truncation: 'disabled',
  background: false,
};

/** What a body says that is right. */
export const decoded = (body: object): Conversation => {
  const result = codec.decodeRequest(body);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
};
