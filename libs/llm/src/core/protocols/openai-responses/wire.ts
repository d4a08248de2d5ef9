import { isFields } from '@apex/common';
import { z } from 'zod';
import { hint, is, isEmpty, jsonObject, onlyHere, orText } from '../../dialogue/wire-schemas.js';

/**
 * The body of `POST /v1/responses` (developers.openai.com/api/reference/resources/responses/methods/create; the types of
 * `openai` 7.57). Objects are strict: a member that is not listed is a problem. What is right and cannot be said to other
 * providers is listed with the values that ask for nothing.
 */

const isDirect = (value: unknown): boolean => isFields(value) && value['type'] === 'direct';

const FILES = 'files that the provider holds cannot be reached from elsewhere';
const inputText = z.strictObject({ type: z.literal('input_text'), text: z.string(), prompt_cache_breakpoint: hint });

const inputImage = z.strictObject({
  type: z.literal('input_image'),
  image_url: z.string().nullish(),
  file_id: onlyHere(FILES),
  detail: z.enum(['auto', 'low', 'high', 'original']).nullish(),
  prompt_cache_breakpoint: hint,
});
export type InputImage = z.output<typeof inputImage>;

const inputFile = z.strictObject({
  type: z.literal('input_file'),
  file_data: z.string().nullish(),
  file_url: z.string().nullish(),
  file_id: onlyHere(FILES),
  filename: z.string().nullish(),
  detail: onlyHere('in how much detail a file is seen has no words elsewhere', is('auto')),
  prompt_cache_breakpoint: hint,
});
export type InputFile = z.output<typeof inputFile>;

const inputContent = z.discriminatedUnion('type', [inputText, inputImage, inputFile]);
export type InputContent = z.output<typeof inputContent>;

const outputContent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('output_text'), text: z.string(), annotations: onlyHere('citations have no words elsewhere', isEmpty), logprobs: hint, parsed: hint }),
  z.strictObject({ type: z.literal('refusal'), refusal: z.string() }),
]);

/** What the server said of an item; a client sends it back as it was. */
const echoed = { id: z.string().nullish(), status: z.enum(['in_progress', 'completed', 'incomplete']).nullish() };
const ofMessage = { ...echoed, type: z.literal('message').nullish(), phase: hint };

export const userMessage = z.strictObject({ ...ofMessage, role: z.literal('user'), content: orText(inputContent, 'input_text') });
export const systemMessage = z.strictObject({ ...ofMessage, role: z.enum(['system', 'developer']), content: orText(z.discriminatedUnion('type', [inputText]), 'input_text') });
export const assistantMessage = z.strictObject({ ...ofMessage, role: z.literal('assistant'), content: orText(outputContent, 'output_text') });

const NAMESPACES = 'namespaces of tools have no words elsewhere';
const PROGRAMS = 'calls that a program of the provider makes have no words elsewhere';

export const functionCall = z.strictObject({
  ...echoed,
  type: z.literal('function_call'),
  call_id: z.string().min(1),
  name: z.string().min(1),
  arguments: z.string(),
  parsed_arguments: hint,
  async: onlyHere('calls that are answered later have no words elsewhere', is(false)),
  caller: onlyHere(PROGRAMS, isDirect),
  namespace: onlyHere(NAMESPACES),
});

export const functionCallOutput = z.strictObject({
  ...echoed,
  type: z.literal('function_call_output'),
  call_id: z.string().min(1),
  output: orText(inputContent, 'input_text'),
  /** The call says it already. */
  name: z.string().nullish(),
  caller: onlyHere(PROGRAMS, isDirect),
  namespace: onlyHere(NAMESPACES),
});

export const reasoningItem = z.strictObject({
  ...echoed,
  type: z.literal('reasoning'),
  summary: z.array(z.strictObject({ type: z.literal('summary_text'), text: z.string() })).nullish(),
  content: z.array(z.strictObject({ type: z.literal('reasoning_text'), text: z.string() })).nullish(),
  encrypted_content: z.string().nullish(),
});

export const functionTool = z.strictObject({
  type: z.literal('function'),
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: jsonObject.nullish(),
  strict: z.boolean().nullish(),
  async: onlyHere('tools that answer later have no words elsewhere', is(false)),
  allowed_callers: onlyHere(PROGRAMS, (value) => Array.isArray(value) && value.every(is('direct'))),
  defer_loading: onlyHere('tools that are found by searching have no words elsewhere', is(false)),
  output_schema: onlyHere("a schema of a tool's output has no words elsewhere"),
});

export const toolChoiceWord = z.enum(['auto', 'none', 'required']);
export const toolChoiceFunction = z.strictObject({ type: z.literal('function'), name: z.string().min(1) });

export const textFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({ type: z.literal('json_schema'), name: z.string().min(1), schema: jsonObject, description: z.string().nullish(), strict: z.boolean().nullish() }),
]);

const summaryWord = z.enum(['auto', 'concise', 'detailed']).nullish();

const reasoning = z.strictObject({
  effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  summary: summaryWord,
  generate_summary: summaryWord,
  context: onlyHere('which reasoning the model sees again cannot be chosen elsewhere', is('auto')),
  mode: onlyHere('modes of reasoning have no words elsewhere', is('standard')),
});

const STATE = 'nothing is stored that a later request could go on from: send the whole conversation';

/** Caching costs or saves money and changes no answer; preparing a cache without an answer, and diagnosing one, do. */
const promptCacheOptions = z
  .strictObject({
    mode: z.enum(['implicit', 'explicit']).nullish(),
    ttl: hint,
    prewarm: onlyHere('preparing the cache without an answer has no words elsewhere', is(false)),
    comparison_response_id: onlyHere('cache diagnostics have no words elsewhere'),
  })
  .nullish();

export const request = z.strictObject({
  model: z.string().min(1),
  /** Items are read one by one. */
  input: z.unknown().optional(),
  instructions: z.string().nullish(),
  include: z.array(z.string()).nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  max_tool_calls: z.int().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: promptCacheOptions,
  prompt_cache_retention: z.string().nullish(),
  reasoning: reasoning.nullish(),
  safety_identifier: z.string().nullish(),
  service_tier: onlyHere('which capacity serves a request cannot be chosen elsewhere', is('auto', 'default')),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  text: z
    .strictObject({ format: z.unknown().optional(), verbosity: onlyHere('how many words are used cannot be chosen elsewhere', is('medium')) })
    .nullish(),
  tool_choice: z.unknown().optional(),
  tools: z.array(z.unknown()).nullish(),
  top_logprobs: onlyHere('log probabilities are not translated', is(0)),
  top_p: z.number().min(0).max(1).nullish(),
  truncation: onlyHere('a conversation that is too long is not cut elsewhere', is('disabled')),
  user: z.string().nullish(),
  access_programs: onlyHere('access programs have no words elsewhere'),
  background: onlyHere('answers in the background have no words elsewhere', is(false)),
  context_management: onlyHere('context management has no words elsewhere', isEmpty),
  conversation: onlyHere(STATE),
  image: onlyHere('compression of images has no words elsewhere', (value) => isFields(value) && Object.entries(value).every(([key, chosen]) => key === 'context_compression' && (chosen === 'auto' || chosen === null))),
  moderation: onlyHere('moderation has no words elsewhere'),
  previous_response_id: onlyHere(STATE),
  prompt: onlyHere('prompts that the provider holds cannot be reached from elsewhere'),
});
export type Request = z.output<typeof request>;
