import { z } from 'zod';
import { integer } from './validation.js';

const flag = z.boolean().nullish();
const status = z.enum(['in_progress', 'completed', 'incomplete']).nullish();
const id = z.string().nullish();

const inputText = z.looseObject({ type: z.literal('input_text'), text: z.string() });
const inputImage = z.looseObject({ type: z.literal('input_image'), image_url: z.string().nullish(), file_id: z.string().nullish(), detail: z.enum(['auto', 'low', 'high', 'original']).nullish() });
const inputFile = z.looseObject({ type: z.literal('input_file'), file_data: z.string().nullish(), file_url: z.string().nullish(), file_id: z.string().nullish(), filename: z.string().nullish() });
const inputParts = z.array(z.discriminatedUnion('type', [inputText, inputImage, inputFile])).min(1);
const outputText = z.looseObject({ type: z.literal('output_text'), text: z.string() });
const refusal = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });

const given = (role: 'user' | 'system' | 'developer') => z.looseObject({ type: z.literal('message'), role: z.literal(role), id, status, content: z.union([z.string(), inputParts]) });
const message = z.discriminatedUnion('role', [
  given('user'), given('system'), given('developer'),
  z.looseObject({ type: z.literal('message'), role: z.literal('assistant'), id, status, content: z.union([z.string(), z.array(z.discriminatedUnion('type', [outputText, refusal])).min(1)]) }),
]);

const item = z.discriminatedUnion('type', [
  message,
  z.looseObject({ type: z.literal('function_call'), id, status, call_id: z.string().min(1).max(64), name: z.string(), arguments: z.string() }),
  z.looseObject({ type: z.literal('function_call_output'), id, status, call_id: z.string().min(1).max(64), output: z.union([z.string(), inputParts]) }),
  z.looseObject({ type: z.literal('reasoning'), id: z.string(), status, summary: z.array(z.looseObject({ type: z.literal('summary_text'), text: z.string() })), encrypted_content: z.string().nullish() }),
  z.looseObject({ type: z.literal('item_reference'), id: z.string() }),
]);

const functionName = z.string().regex(/^[a-zA-Z0-9_-]+$/).max(64);

/** Parameters that OpenAI has and the simulator does not: it refuses them, so that nobody relies on them. */
export const NOT_SIMULATED = ['background', 'conversation', 'prompt', 'max_tool_calls', 'context_management', 'moderation'] as const;

/** `POST /v1/responses`. Unknown parameters are refused, as OpenAI does. Items without a type are messages: see `withItemTypes`. */
export const responsesSchema = z.strictObject({
  model: z.string(),
  input: z.union([z.string(), z.array(item)]).nullish(),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  store: flag,
  stream: flag,
  stream_options: z.looseObject({ include_obfuscation: flag }).nullish(),
  include: z.array(z.enum(['file_search_call.results', 'web_search_call.results', 'web_search_call.action.sources', 'message.input_image.image_url', 'computer_call_output.output.image_url', 'code_interpreter_call.outputs', 'reasoning.encrypted_content', 'message.output_text.logprobs'])).nullish(),
  max_output_tokens: integer().min(16).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: integer().min(0).max(20).nullish(),
  reasoning: z.looseObject({
    effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
    summary: z.enum(['auto', 'concise', 'detailed']).nullish(),
  }).nullish(),
  text: z.looseObject({
    format: z.discriminatedUnion('type', [
      z.looseObject({ type: z.literal('text') }),
      z.looseObject({ type: z.literal('json_object') }),
      z.looseObject({ type: z.literal('json_schema'), name: functionName, schema: z.looseObject({}), strict: flag }),
    ]).nullish(),
    verbosity: z.enum(['low', 'medium', 'high']).nullish(),
  }).nullish(),
  tools: z.array(z.discriminatedUnion('type', [z.looseObject({ type: z.literal('function'), name: functionName, description: z.string().nullish(), parameters: z.looseObject({}).nullish(), strict: flag })])).max(128).nullish(),
  tool_choice: z.union([
    z.enum(['none', 'auto', 'required']),
    z.discriminatedUnion('type', [
      z.looseObject({ type: z.literal('function'), name: z.string() }),
      z.looseObject({ type: z.literal('allowed_tools'), mode: z.enum(['auto', 'required']), tools: z.array(z.looseObject({ type: z.literal('function'), name: z.string() })).min(1) }),
    ]),
  ]).nullish(),
  parallel_tool_calls: flag,
  truncation: z.enum(['auto', 'disabled']).nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish(),
  service_tier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: z.looseObject({}).nullish(),
  prompt_cache_retention: z.enum(['in_memory', '24h']).nullish(),
  safety_identifier: z.string().nullish(),
  user: z.string().nullish(),
});

export type ResponsesBody = z.infer<typeof responsesSchema>;
export type InputItem = z.infer<typeof item>;
/** An item that is there itself, not by reference. */
export type Item = Exclude<InputItem, { type: 'item_reference' }>;

/** A message may leave out its type; and nothing but a reference has an id alone. */
export function withItemTypes(body: object): object {
  if (!('input' in body) || !Array.isArray(body.input)) return body;
  const typed = body.input.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || ('type' in entry && entry.type != null)) return entry;
    return { ...entry, type: 'role' in entry || !('id' in entry) ? 'message' : 'item_reference' };
  });
  return { ...body, input: typed };
}
