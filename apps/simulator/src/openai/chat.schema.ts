import { z } from 'zod';
import { integer } from './validation.js';

const flag = z.boolean().nullish();
const textPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const imagePart = z.looseObject({
  type: z.literal('image_url'),
  image_url: z.looseObject({ url: z.string(), detail: z.enum(['auto', 'low', 'high']).nullish() }),
});
const refusalPart = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });
const plainContent = z.union([z.string(), z.array(textPart).min(1)]);
const userContent = z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, imagePart])).min(1)]);
const assistantContent = z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, refusalPart])).min(1)]);
const name = z.string().nullish();

const message = z.discriminatedUnion('role', [
  z.looseObject({ role: z.literal('system'), content: plainContent, name }),
  z.looseObject({ role: z.literal('developer'), content: plainContent, name }),
  z.looseObject({ role: z.literal('user'), content: userContent, name }),
  z.looseObject({
    role: z.literal('assistant'),
    content: assistantContent.nullish(),
    name,
    tool_calls: z.array(z.looseObject({ id: z.string(), type: z.literal('function'), function: z.looseObject({ name: z.string(), arguments: z.string() }) })).min(1).nullish(),
  }),
  z.looseObject({ role: z.literal('tool'), content: plainContent, tool_call_id: z.string() }),
]);

const functionName = z.string().regex(/^[a-zA-Z0-9_-]+$/).max(64);

/** `POST /v1/chat/completions`, as far as the simulator reads it. What it does not know, it lets pass. */
export const chatSchema = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1),
  stream: flag,
  stream_options: z.looseObject({ include_usage: flag }).nullish(),
  n: integer().min(1).max(128).nullish(),
  max_tokens: integer().min(1).nullish(),
  max_completion_tokens: integer().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  seed: integer().nullish(),
  logprobs: flag,
  top_logprobs: integer().min(0).max(20).nullish(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).nullish(),
  tools: z.array(z.looseObject({
    type: z.literal('function'),
    function: z.looseObject({ name: functionName, description: z.string().nullish(), parameters: z.looseObject({}).nullish(), strict: flag }),
  })).min(1).max(128).nullish(),
  tool_choice: z.union([
    z.enum(['none', 'auto', 'required']),
    z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
  ]).nullish(),
  parallel_tool_calls: flag,
  response_format: z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('text') }),
    z.looseObject({ type: z.literal('json_object') }),
    z.looseObject({ type: z.literal('json_schema'), json_schema: z.looseObject({ name: functionName, schema: z.looseObject({}).nullish(), strict: flag }) }),
  ]).nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish(),
});

export type ChatBody = z.infer<typeof chatSchema>;
export type ChatMessage = ChatBody['messages'][number];
