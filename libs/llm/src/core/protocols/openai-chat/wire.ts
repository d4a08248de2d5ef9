import { z } from 'zod';
import { hint, INEXPRESSIBLE, jsonObject } from '../../dialogue/wire-schemas.js';

/**
 * A client's body: platform.openai.com/docs/api-reference/chat/create. The schemas hold what is carried over and the hints
 * that are passed over; every other member is a problem by its name, unless it is null, which is as good as absent.
 */

/** Why members that OpenAI documents cannot be carried over. Others are only said to be unknown. */
export const REASONS: Readonly<Record<string, string>> = {
  audio: 'audio cannot be carried over',
  modalities: 'only text can be asked for',
  input_audio: 'audio cannot be carried over',
  logit_bias: 'token ids mean something else to another model',
  logprobs: 'log probabilities of an answer cannot be carried over',
  top_logprobs: 'log probabilities of an answer cannot be carried over',
  functions: 'is deprecated: use `tools`',
  function_call: 'is deprecated: use `tool_choice` and `tool_calls`',
  web_search_options: 'searching the web is a tool of OpenAI alone',
  verbosity: 'no other protocol has a measure of verbosity',
  moderation: 'no other protocol moderates on request',
  store: 'no other provider keeps answers for evaluation',
  service_tier: 'service tiers differ between providers',
  name: 'no other protocol names participants',
  file_id: 'the file is known to OpenAI alone',
};

/**
 * Members that change neither the answer nor its form, and are passed over. Those of messages are echoes of earlier answers:
 * SDKs put them back into the history, and they say nothing to a model. `reasoning` and `reasoning_content` are among them,
 * for who takes reasoning back wants a signature over it (`reasoning_details` has one and is carried over), and providers
 * ignore the text alone.
 */
export const IGNORED_HINTS: readonly string[] = Object.freeze([
  'metadata',
  'prediction',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'service_tier',
  'store',
  'stream_options.include_obfuscation',
  'messages[].annotations',
  'messages[].parsed',
  'messages[].reasoning',
  'messages[].reasoning_content',
  'messages[].content[].prompt_cache_breakpoint.ttl',
  'messages[].tool_calls[].index',
  'messages[].tool_calls[].function.parsed_arguments',
]);

const UNSAID = { params: INEXPRESSIBLE, error: 'is not known, and cannot be carried over' };

/** A value that has no words elsewhere. */
const unsaid = z.unknown().refine((value) => value === undefined || value === null, UNSAID);
/** A value of which only this much has words elsewhere. */
const only = <T extends z.ZodType>(schema: T, said: (value: z.output<T>) => boolean) => schema.refine(said, UNSAID);
const members = <S extends z.ZodRawShape>(shape: S) => z.object(shape).catchall(unsaid);
/** A kind of thing, known by its `type`, that has no words elsewhere. */
const foreign = <T extends string>(type: T) => z.looseObject({ type: z.literal(type) }).refine(() => false, UNSAID);

const breakpoint = z.looseObject({ mode: z.literal('explicit') }).nullish();

const textPart = members({ type: z.literal('text'), text: z.string(), prompt_cache_breakpoint: breakpoint });
const refusalPart = members({ type: z.literal('refusal'), refusal: z.string() });
const imagePart = members({
  type: z.literal('image_url'),
  image_url: members({ url: z.string(), detail: only(z.enum(['auto', 'low', 'high', 'original']), (detail) => detail !== 'original').nullish() }),
  prompt_cache_breakpoint: breakpoint,
});
const filePart = members({ type: z.literal('file'), file: members({ file_data: z.string().nullish(), filename: z.string().nullish(), file_id: unsaid.optional() }), prompt_cache_breakpoint: breakpoint });

const textContent = z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, foreign('image_url'), foreign('file'), foreign('input_audio')]))]);
const userContent = z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, imagePart, filePart, foreign('input_audio')]))]);
const assistantContent = z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, refusalPart]))]);
/** OpenAI documents text alone; compatible providers take images as well. */
const toolContent = z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, imagePart, filePart, foreign('input_audio')]))]);

const toolCall = z.discriminatedUnion('type', [
  members({
    type: z.literal('function'),
    id: z.string(),
    function: members({ name: z.string(), arguments: z.string(), parsed_arguments: hint }),
    extra_content: members({ google: members({ thought_signature: z.string().nullish() }).nullish() }).nullish(),
    index: hint,
  }),
  foreign('custom'),
]);

const assistantMessage = members({
  role: z.literal('assistant'),
  content: assistantContent.nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish(),
  reasoning_details: z.array(z.unknown()).nullish(),
  reasoning_content: hint,
  reasoning: hint,
  annotations: hint,
  parsed: hint,
});

const message = z.discriminatedUnion('role', [
  members({ role: z.enum(['system', 'developer']), content: textContent }),
  members({ role: z.literal('user'), content: userContent }),
  assistantMessage,
  // The call says the tool's name already; LangChain repeats it.
  members({ role: z.literal('tool'), tool_call_id: z.string(), content: toolContent, name: hint }),
  z.looseObject({ role: z.literal('function') }).refine(() => false, { params: INEXPRESSIBLE, error: 'is deprecated: use the role `tool`' }),
]);

const tool = z.discriminatedUnion('type', [
  members({ type: z.literal('function'), function: members({ name: z.string(), description: z.string().nullish(), parameters: jsonObject.nullish(), strict: z.boolean().nullish() }) }),
  foreign('custom'),
]);

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.discriminatedUnion('type', [members({ type: z.literal('function'), function: members({ name: z.string() }) }), foreign('custom'), foreign('allowed_tools')]),
]);

const responseFormat = z.discriminatedUnion('type', [
  members({ type: z.literal('text') }),
  members({ type: z.literal('json_object') }),
  members({ type: z.literal('json_schema'), json_schema: members({ name: z.string(), description: z.string().nullish(), schema: jsonObject.nullish(), strict: z.boolean().nullish() }) }),
]);

const tokens = z.int().min(1).nullish();
const penalty = z.number().min(-2).max(2).nullish();

export const requestSchema = members({
  model: z.string().min(1),
  messages: z.array(message).min(1),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  seed: z.int().nullish(),
  presence_penalty: penalty,
  frequency_penalty: penalty,
  n: z.int().min(1).max(128).nullish(),
  logprobs: only(z.boolean(), (asked) => !asked).nullish(),
  top_logprobs: only(z.int().min(0).max(20), (count) => count === 0).nullish(),
  logit_bias: only(z.record(z.string(), z.number()), (biases) => Object.keys(biases).length === 0).nullish(),
  modalities: only(z.array(z.string()), (asked) => asked.every((modality) => modality === 'text')).nullish(),
  response_format: responseFormat.nullish(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: members({ include_usage: z.boolean().nullish(), include_obfuscation: hint }).nullish(),
  service_tier: only(z.string(), (tier) => tier === 'auto' || tier === 'default').nullish(),
  store: only(z.boolean(), (kept) => !kept).nullish(),
  metadata: hint,
  prediction: hint,
  prompt_cache_key: hint,
  prompt_cache_options: hint,
  prompt_cache_retention: hint,
});

export type ChatRequest = z.output<typeof requestSchema>;
export type ChatMessage = z.output<typeof message>;
export type ChatToolCall = z.output<typeof toolCall>;
export type ChatContentPart = z.output<typeof textPart> | z.output<typeof imagePart> | z.output<typeof filePart>;
