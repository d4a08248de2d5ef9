import { isFields } from '@apex/common';
import { z } from 'zod';
import { is, isEmpty, jsonObject, onlyHere, orText } from '../../dialogue/wire-schemas.js';

/**
 * The body of `POST /v1/messages` (platform.claude.com/docs/en/api/messages/create; the types of `@anthropic-ai/sdk` 1.12),
 * plus the sampling parameters that models up to Claude 4.6 take. Objects are strict: a member that is not listed is a
 * problem. What is right and cannot be said to other providers is listed with the values that mean nothing.
 */

const cacheControl = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).nullish() }).nullish();
export type CacheControl = z.output<typeof cacheControl>;

const blocks = <T extends z.ZodType>(block: T) => orText(block, 'text');

const CITATIONS = 'citations have no words elsewhere';
const text = z.strictObject({ type: z.literal('text'), text: z.string(), cache_control: cacheControl, citations: onlyHere(CITATIONS, isEmpty) });
export type TextBlock = z.output<typeof text>;

const image = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']), data: z.string() }),
    z.strictObject({ type: z.literal('url'), url: z.string() }),
  ]),
  cache_control: cacheControl,
  transformations: onlyHere('images are transformed otherwise elsewhere', (value) => isFields(value) && Object.entries(value).every(([key, chosen]) => key === 'oversized_image' && chosen === 'downsize')),
});
export type ImageBlock = z.output<typeof image>;

const document = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: z.string() }),
    z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() }),
    z.strictObject({ type: z.literal('url'), url: z.string() }),
    z.strictObject({ type: z.literal('content'), content: blocks(z.discriminatedUnion('type', [text])) }),
  ]),
  title: z.string().nullish(),
  context: onlyHere('context of a document has no words elsewhere', is('')),
  citations: onlyHere(CITATIONS, (value) => isFields(value) && value['enabled'] !== true && Object.keys(value).every((key) => key === 'enabled')),
  cache_control: cacheControl,
});
export type DocumentBlock = z.output<typeof document>;

const TOOLSET = 'toolsets have no words elsewhere';
const toolResult = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: blocks(z.discriminatedUnion('type', [text, image, document])).nullish(),
  is_error: z.boolean().nullish(),
  toolset_name: onlyHere(TOOLSET),
  cache_control: cacheControl,
});
export type ToolResultBlock = z.output<typeof toolResult>;

const toolUse = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string(),
  name: z.string(),
  input: jsonObject,
  caller: onlyHere('calls that a server tool made have no words elsewhere', (value) => isFields(value) && value['type'] === 'direct'),
  toolset_name: onlyHere(TOOLSET),
  cache_control: cacheControl,
});

const thinking = z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() });
const redactedThinking = z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() });

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('user'), content: blocks(z.discriminatedUnion('type', [text, image, document, toolResult])) }),
  z.strictObject({ role: z.literal('assistant'), content: blocks(z.discriminatedUnion('type', [text, thinking, redactedThinking, toolUse])) }),
  z.strictObject({ role: z.literal('system'), content: blocks(z.discriminatedUnion('type', [text])) }),
]);
export type Message = z.output<typeof message>;
export type UserBlock = Extract<Message, { role: 'user' }>['content'][number];
export type AssistantBlock = Extract<Message, { role: 'assistant' }>['content'][number];

const jsonSchemaFormat = z.strictObject({ type: z.literal('json_schema'), schema: jsonObject });

/** A tool of the caller's own. Those with another `type` are the provider's. */
export const customTool = z.strictObject({
  type: z.literal('custom').nullish(),
  name: z.string().min(1),
  description: z.string().nullish(),
  input_schema: jsonObject,
  strict: z.boolean().nullish(),
  cache_control: cacheControl,
  eager_input_streaming: z.boolean().nullish(),
  defer_loading: onlyHere('tool search has no words elsewhere', is(false)),
  input_examples: onlyHere('examples of a tool have no words elsewhere', isEmpty),
  allowed_callers: onlyHere('calls by server tools have no words elsewhere', (value) => Array.isArray(value) && value.every(is('direct'))),
});

const single = z.boolean().nullish();
const display = z.enum(['summarized', 'omitted']).nullish();

/** Strategies of context editing that edit nothing: `clear_thinking` that keeps all of it. */
const editsNothing = (value: unknown): boolean =>
  isFields(value) && Object.keys(value).every((key) => key === 'edits') && Array.isArray(value['edits']) && value['edits'].every((edit: unknown) => isFields(edit) && edit['type'] === 'clear_thinking_20251015' && edit['keep'] === 'all');

export const request = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int().min(0),
  messages: z.array(message).min(1),
  system: blocks(z.discriminatedUnion('type', [text])).nullish(),
  cache_control: cacheControl,
  metadata: z.strictObject({ user_id: z.string().nullish() }).nullish(),
  output_config: z
    .strictObject({ effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(), format: jsonSchemaFormat.nullish(), task_budget: onlyHere('a budget for a whole task has no words elsewhere') })
    .nullish(),
  /** The place of `output_config.format` until 2026; still taken by the provider. */
  output_format: jsonSchemaFormat.nullish(),
  service_tier: z.enum(['auto', 'standard_only']).nullish(),
  speed: z.enum(['standard', 'fast']).nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  thinking: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1024), display }),
      z.strictObject({ type: z.literal('adaptive'), display }),
      z.strictObject({ type: z.literal('disabled') }),
    ])
    .nullish(),
  tool_choice: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('auto'), disable_parallel_tool_use: single }),
      z.strictObject({ type: z.literal('any'), disable_parallel_tool_use: single }),
      z.strictObject({ type: z.literal('tool'), name: z.string(), disable_parallel_tool_use: single }),
      z.strictObject({ type: z.literal('none') }),
    ])
    .nullish(),
  tools: z.array(z.unknown()).nullish(),
  container: onlyHere('containers have no words elsewhere'),
  context_management: onlyHere('context editing has no words elsewhere', editsNothing),
  diagnostics: onlyHere('cache diagnostics have no words elsewhere'),
  inference_geo: onlyHere('where the model runs cannot be promised elsewhere'),
  mcp_servers: onlyHere('MCP servers that the provider calls have no words elsewhere', isEmpty),
});
export type Request = z.output<typeof request>;
