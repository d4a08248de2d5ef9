import { type AnswerEvent } from '../../../dialogue/answer.js';

/** Streams as OpenAI sends them (developers.openai.com/api/reference/resources/responses/streaming-events), sealed contents shortened. */
export interface Recording {
  readonly sse: string;
  readonly events: readonly AnswerEvent[];
}

const head = (id: string, model: string): string =>
  `"id":"${id}","object":"response","created_at":1791189096,"access_programs":null,"background":false,"error":null,"frequency_penalty":0.0,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"model":"${model}","moderation":null,"parallel_tool_calls":true,"presence_penalty":0.0,"previous_response_id":null,"prompt_cache_key":null,"prompt_cache_retention":"in_memory","reasoning":{"context":"current_turn","effort":"high","mode":"standard","summary":"detailed"},"safety_identifier":null,"service_tier":"auto","store":false,"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tool_usage":{"image_gen":{"input_tokens":0,"input_tokens_details":{"image_tokens":0,"text_tokens":0},"output_tokens":0,"output_tokens_details":{"image_tokens":0,"text_tokens":0},"total_tokens":0},"web_search":{"num_requests":0}},"tools":[],"top_logprobs":0,"top_p":1.0,"truncation":"disabled","user":null,"metadata":{}`;

const begins = (id: string, model: string): string => `event: response.created
data: {"type":"response.created","response":{${head(id, model)},"status":"in_progress","completed_at":null,"incomplete_details":null,"output":[],"usage":null},"sequence_number":0}

event: response.in_progress
data: {"type":"response.in_progress","response":{${head(id, model)},"status":"in_progress","completed_at":null,"incomplete_details":null,"output":[],"usage":null},"sequence_number":1}

`;

const part = (index: number) => ({ candidate: 0, part: index });

/** A reasoning model that shows nothing of its reasoning calls a tool. */
export const toolCall: Recording = {
  sse: `${begins('resp_013cd1', 'o4-mini-2025-04-16')}event: response.output_item.added
data: {"type":"response.output_item.added","item":{"id":"rs_013cd1","type":"reasoning","content":[],"encrypted_content":"gAAAAABearly==","summary":[]},"output_index":0,"sequence_number":2}

event: response.output_item.done
data: {"type":"response.output_item.done","item":{"id":"rs_013cd1","type":"reasoning","content":[],"encrypted_content":"gAAAAABlate==","summary":[]},"output_index":0,"sequence_number":3}

event: response.output_item.added
data: {"type":"response.output_item.added","item":{"id":"fc_013cd1","type":"function_call","status":"in_progress","arguments":"","call_id":"call_43Zs","name":"weather"},"output_index":1,"sequence_number":4}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","delta":"{\\"","item_id":"fc_013cd1","obfuscation":"dpJ0sJwrYpx910","output_index":1,"sequence_number":5}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","delta":"location","item_id":"fc_013cd1","obfuscation":"NBR4ie1A","output_index":1,"sequence_number":6}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","delta":"\\":\\"Florence\\"}","item_id":"fc_013cd1","obfuscation":"VIBC","output_index":1,"sequence_number":7}

event: response.function_call_arguments.done
data: {"type":"response.function_call_arguments.done","arguments":"{\\"location\\":\\"Florence\\"}","item_id":"fc_013cd1","output_index":1,"sequence_number":8}

event: response.output_item.done
data: {"type":"response.output_item.done","item":{"id":"fc_013cd1","type":"function_call","status":"completed","arguments":"{\\"location\\":\\"Florence\\"}","call_id":"call_43Zs","name":"weather"},"output_index":1,"sequence_number":9}

event: response.completed
data: {"type":"response.completed","response":{${head('resp_013cd1', 'o4-mini-2025-04-16')},"status":"completed","completed_at":1791189097,"incomplete_details":null,"output":[{"id":"rs_013cd1","type":"reasoning","content":[],"encrypted_content":"gAAAAABlast==","summary":[]},{"id":"fc_013cd1","type":"function_call","status":"completed","arguments":"{\\"location\\":\\"Florence\\"}","call_id":"call_43Zs","name":"weather"}],"usage":{"input_tokens":60,"input_tokens_details":{"cache_write_tokens":0,"cached_tokens":0},"output_tokens":94,"output_tokens_details":{"reasoning_tokens":64},"total_tokens":154}},"sequence_number":10}

`,
  events: [
    { type: 'start', id: 'resp_013cd1', model: 'o4-mini-2025-04-16', created: 1791189096 },
    { type: 'part_start', ...part(0), start: { type: 'redacted_thinking', data: { by: 'openai-responses', value: 'gAAAAABlate==' } } },
    { type: 'part_end', ...part(0) },
    { type: 'part_start', ...part(1), start: { type: 'tool_call', id: 'call_43Zs', name: 'weather' } },
    { type: 'delta', ...part(1), delta: { type: 'arguments', text: '{"' } },
    { type: 'delta', ...part(1), delta: { type: 'arguments', text: 'location' } },
    { type: 'delta', ...part(1), delta: { type: 'arguments', text: '":"Florence"}' } },
    { type: 'part_end', ...part(1) },
    { type: 'stop', candidate: 0, reason: 'tool_calls', stopSequence: null },
    { type: 'usage', usage: { promptTokens: 60, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 94, reasoningTokens: 64 } },
    { type: 'end' },
  ],
};

/** Reasoning with a summary of two parts, then text, cut off by the limit; most of the prompt came from the cache. */
export const summaryAndText: Recording = {
  sse: `${begins('resp_0d5437', 'gpt-5.4-mini')}event: response.output_item.added
data: {"type":"response.output_item.added","item":{"id":"rs_0d5437","type":"reasoning","content":[],"encrypted_content":"gAAAAABearly==","summary":[]},"output_index":0,"sequence_number":2}

event: response.reasoning_summary_part.added
data: {"type":"response.reasoning_summary_part.added","item_id":"rs_0d5437","output_index":0,"part":{"type":"summary_text","text":""},"sequence_number":3,"summary_index":0}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","delta":"**Looking","item_id":"rs_0d5437","obfuscation":"x","output_index":0,"sequence_number":4,"summary_index":0}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","delta":" back**","item_id":"rs_0d5437","obfuscation":"y","output_index":0,"sequence_number":5,"summary_index":0}

event: response.reasoning_summary_text.done
data: {"type":"response.reasoning_summary_text.done","item_id":"rs_0d5437","output_index":0,"sequence_number":6,"summary_index":0,"text":"**Looking back**"}

event: response.reasoning_summary_part.done
data: {"type":"response.reasoning_summary_part.done","item_id":"rs_0d5437","output_index":0,"part":{"type":"summary_text","text":"**Looking back**"},"sequence_number":7,"summary_index":0}

event: response.reasoning_summary_part.added
data: {"type":"response.reasoning_summary_part.added","item_id":"rs_0d5437","output_index":0,"part":{"type":"summary_text","text":""},"sequence_number":8,"summary_index":1}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","delta":"**Answering**","item_id":"rs_0d5437","obfuscation":"z","output_index":0,"sequence_number":9,"summary_index":1}

event: response.reasoning_summary_text.done
data: {"type":"response.reasoning_summary_text.done","item_id":"rs_0d5437","output_index":0,"sequence_number":10,"summary_index":1,"text":"**Answering**"}

event: response.output_item.done
data: {"type":"response.output_item.done","item":{"id":"rs_0d5437","type":"reasoning","content":[],"encrypted_content":"gAAAAABlate==","summary":[{"type":"summary_text","text":"**Looking back**"},{"type":"summary_text","text":"**Answering**"}]},"output_index":0,"sequence_number":11}

event: response.output_item.added
data: {"type":"response.output_item.added","item":{"id":"msg_0d5437","type":"message","status":"in_progress","content":[],"phase":"final_answer","role":"assistant"},"output_index":1,"sequence_number":12}

event: response.content_part.added
data: {"type":"response.content_part.added","content_index":0,"item_id":"msg_0d5437","output_index":1,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""},"sequence_number":13}

event: response.output_text.delta
data: {"type":"response.output_text.delta","content_index":0,"delta":"It is 40","item_id":"msg_0d5437","logprobs":[],"obfuscation":"a","output_index":1,"sequence_number":14}

event: response.output_text.delta
data: {"type":"response.output_text.delta","content_index":0,"delta":"°C","item_id":"msg_0d5437","logprobs":[],"obfuscation":"b","output_index":1,"sequence_number":15}

event: response.output_text.done
data: {"type":"response.output_text.done","content_index":0,"item_id":"msg_0d5437","logprobs":[],"output_index":1,"sequence_number":16,"text":"It is 40°C"}

event: response.content_part.done
data: {"type":"response.content_part.done","content_index":0,"item_id":"msg_0d5437","output_index":1,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"It is 40°C"},"sequence_number":17}

event: response.output_item.done
data: {"type":"response.output_item.done","item":{"id":"msg_0d5437","type":"message","status":"incomplete","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"It is 40°C"}],"phase":"final_answer","role":"assistant"},"output_index":1,"sequence_number":18}

event: response.incomplete
data: {"type":"response.incomplete","response":{${head('resp_0d5437', 'gpt-5.4-mini')},"status":"incomplete","completed_at":null,"incomplete_details":{"reason":"max_output_tokens"},"output":[{"id":"msg_0d5437","type":"message","status":"incomplete","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"It is 40°C"}],"role":"assistant"}],"usage":{"input_tokens":12033,"input_tokens_details":{"cache_write_tokens":100,"cached_tokens":11904},"output_tokens":16,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":12049}},"sequence_number":19}

`,
  events: [
    { type: 'start', id: 'resp_0d5437', model: 'gpt-5.4-mini', created: 1791189096 },
    { type: 'part_start', ...part(0), start: { type: 'thinking' } },
    { type: 'delta', ...part(0), delta: { type: 'text', text: '**Looking' } },
    { type: 'delta', ...part(0), delta: { type: 'text', text: ' back**' } },
    { type: 'delta', ...part(0), delta: { type: 'text', text: '\n\n' } },
    { type: 'delta', ...part(0), delta: { type: 'text', text: '**Answering**' } },
    { type: 'delta', ...part(0), delta: { type: 'signature', signature: { by: 'openai-responses', value: 'gAAAAABlate==' } } },
    { type: 'part_end', ...part(0) },
    { type: 'part_start', ...part(1), start: { type: 'text' } },
    { type: 'delta', ...part(1), delta: { type: 'text', text: 'It is 40' } },
    { type: 'delta', ...part(1), delta: { type: 'text', text: '°C' } },
    { type: 'part_end', ...part(1) },
    { type: 'stop', candidate: 0, reason: 'length', stopSequence: null },
    { type: 'usage', usage: { promptTokens: 12033, cachedTokens: 11904, cacheWriteTokens: 100, completionTokens: 16, reasoningTokens: 0 } },
    { type: 'end' },
  ],
};

/** The model declines. */
export const refusal: Recording = {
  sse: `${begins('resp_ref', 'gpt-4o-2024-08-06')}event: response.output_item.added
data: {"type":"response.output_item.added","output_index":0,"item":{"id":"msg_ref","type":"message","status":"in_progress","content":[],"role":"assistant"},"sequence_number":2}

event: response.content_part.added
data: {"type":"response.content_part.added","item_id":"msg_ref","output_index":0,"content_index":0,"part":{"type":"refusal","refusal":""},"sequence_number":3}

event: response.refusal.delta
data: {"type":"response.refusal.delta","item_id":"msg_ref","output_index":0,"content_index":0,"delta":"I cannot help","sequence_number":4}

event: response.refusal.delta
data: {"type":"response.refusal.delta","item_id":"msg_ref","output_index":0,"content_index":0,"delta":" with that.","sequence_number":5}

event: response.refusal.done
data: {"type":"response.refusal.done","item_id":"msg_ref","output_index":0,"content_index":0,"refusal":"I cannot help with that.","sequence_number":6}

event: response.content_part.done
data: {"type":"response.content_part.done","item_id":"msg_ref","output_index":0,"content_index":0,"part":{"type":"refusal","refusal":"I cannot help with that."},"sequence_number":7}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":0,"item":{"id":"msg_ref","type":"message","status":"completed","content":[{"type":"refusal","refusal":"I cannot help with that."}],"role":"assistant"},"sequence_number":8}

event: response.completed
data: {"type":"response.completed","response":{${head('resp_ref', 'gpt-4o-2024-08-06')},"status":"completed","completed_at":1791189097,"incomplete_details":null,"output":[{"id":"msg_ref","type":"message","status":"completed","content":[{"type":"refusal","refusal":"I cannot help with that."}],"role":"assistant"}],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":9}},"sequence_number":9}

`,
  events: [
    { type: 'start', id: 'resp_ref', model: 'gpt-4o-2024-08-06', created: 1791189096 },
    { type: 'part_start', ...part(0), start: { type: 'refusal' } },
    { type: 'delta', ...part(0), delta: { type: 'text', text: 'I cannot help' } },
    { type: 'delta', ...part(0), delta: { type: 'text', text: ' with that.' } },
    { type: 'part_end', ...part(0) },
    { type: 'stop', candidate: 0, reason: 'refusal', stopSequence: null },
    { type: 'usage', usage: { promptTokens: 9, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 } },
    { type: 'end' },
  ],
};

/** The provider gives up: an event of its own, and the response that failed. */
export const failure: Recording = {
  sse: `${begins('resp_fail', 'gpt-4o-2024-08-06')}event: error
data: {"type":"error","sequence_number":2,"error":{"type":"tokens","code":"rate_limit_exceeded","message":"Request too large for gpt-4o on tokens per min (TPM): Limit 1, Requested 30.","param":null}}

event: response.failed
data: {"type":"response.failed","sequence_number":3,"response":{${head('resp_fail', 'gpt-4o-2024-08-06').replace('"error":null', '"error":{"code":"rate_limit_exceeded","message":"Request too large for gpt-4o on tokens per min (TPM): Limit 1, Requested 30."}')},"status":"failed","incomplete_details":null,"output":[],"usage":null}}

`,
  events: [
    { type: 'start', id: 'resp_fail', model: 'gpt-4o-2024-08-06', created: 1791189096 },
    { type: 'error', error: { httpStatus: 429, kind: 'rate_limit', message: 'Request too large for gpt-4o on tokens per min (TPM): Limit 1, Requested 30.', code: 'rate_limit_exceeded', param: null } },
  ],
};
