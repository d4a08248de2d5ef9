import { z } from 'zod';

const cacheControl = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).optional() }).nullish();
const citationSwitch = z.strictObject({ enabled: z.boolean().optional() }).nullish();
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/).min(1);

const text = z.strictObject({ type: z.literal('text'), text: z.string(), cache_control: cacheControl, citations: z.array(z.looseObject({})).nullish() });

const byUrl = z.strictObject({ type: z.literal('url'), url: z.string() });
const byFile = z.strictObject({ type: z.literal('file'), file_id: z.string() });
const image = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [z.strictObject({ type: z.literal('base64'), media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']), data: base64 }), byUrl, byFile]),
  cache_control: cacheControl,
  transformations: z.strictObject({ oversized_image: z.enum(['downsize', 'error']).optional() }).nullish(),
});

const document = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: base64 }),
    z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() }),
    z.strictObject({ type: z.literal('content'), content: z.union([z.string(), z.array(z.discriminatedUnion('type', [text, image]))]) }),
    byUrl,
    byFile,
  ]),
  title: z.string().max(500).nullish(),
  context: z.string().nullish(),
  citations: citationSwitch,
  cache_control: cacheControl,
});

const searchResult = z.strictObject({ type: z.literal('search_result'), source: z.string(), title: z.string(), content: z.array(text), citations: citationSwitch, cache_control: cacheControl });

const block = z.discriminatedUnion('type', [
  text,
  image,
  document,
  searchResult,
  z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  z.strictObject({
    type: z.literal('tool_use'),
    id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
    name: z.string().min(1).max(200),
    input: z.record(z.string(), z.unknown()),
    cache_control: cacheControl,
    caller: z.strictObject({ type: z.literal('direct') }).optional(),
    toolset_name: z.null().optional(),
  }),
  z.strictObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
    content: z.union([z.string(), z.array(z.discriminatedUnion('type', [text, image, searchResult, document]))]).optional(),
    is_error: z.boolean().optional(),
    cache_control: cacheControl,
    toolset_name: z.null().optional(),
  }),
]);

const tool = z.strictObject({
  type: z.literal('custom').nullish(),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal('object') }),
  cache_control: cacheControl,
  strict: z.boolean().optional(),
  eager_input_streaming: z.boolean().nullish(),
  defer_loading: z.boolean().optional(),
  allowed_callers: z.array(z.literal('direct')).optional(),
  input_examples: z.array(z.record(z.string(), z.unknown())).optional(),
});

const parallel = { disable_parallel_tool_use: z.boolean().optional() };
const display = z.enum(['summarized', 'omitted']).nullish();

/** `POST /v1/messages` (platform.claude.com/docs/en/api/messages). What the API does not know, it refuses. */
export const messagesSchema = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int().min(0),
  messages: z.array(z.strictObject({ role: z.enum(['user', 'assistant', 'system']), content: z.union([z.string(), z.array(block)]) })).max(100_000),
  system: z.union([z.string(), z.array(text)]).optional(),
  cache_control: cacheControl,
  metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).optional(),
  output_config: z.strictObject({
    effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(),
    format: z.strictObject({ type: z.literal('json_schema'), schema: z.looseObject({}) }).nullish(),
  }).optional(),
  service_tier: z.enum(['auto', 'standard_only']).optional(),
  inference_geo: z.string().nullish(),
  speed: z.literal('standard').nullish(),
  stop_sequences: z.array(z.string()).optional(),
  stream: z.boolean().optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  thinking: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1_024), display }),
    z.strictObject({ type: z.literal('adaptive'), display }),
    z.strictObject({ type: z.literal('disabled') }),
  ]).optional(),
  tool_choice: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('auto'), ...parallel }),
    z.strictObject({ type: z.literal('any'), ...parallel }),
    z.strictObject({ type: z.literal('tool'), name: z.string(), ...parallel }),
    z.strictObject({ type: z.literal('none') }),
  ]).optional(),
  tools: z.array(tool).optional(),
});

export type MessagesBody = z.infer<typeof messagesSchema>;
export type Block = z.infer<typeof block>;
/** Blocks that a model reads as they are: what a document or a tool's result is made of, too. */
export type MediaBlock = Extract<Block, { type: 'text' | 'image' | 'document' | 'search_result' }>;
