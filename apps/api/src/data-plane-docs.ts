import { type OpenAPIObject } from '@nestjs/swagger';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['post']>;
type Schema = Record<string, unknown>;

/** One of the APIs that clients speak. */
interface Api {
  readonly name: string;
  /** What its body must have, and of what type that is. */
  readonly required: Readonly<Record<string, Schema>>;
  /** What is worth naming beside that; everything else is in the reference. */
  readonly optional?: Readonly<Record<string, Schema>>;
  readonly reference: string;
  readonly streams: boolean;
  readonly error: Schema;
  /** Headers of the request that this API knows and the others do not. */
  readonly headers?: readonly Header[];
}

type Header = readonly [name: string, schema: Schema, description: string];

const text = { type: 'string' };
const nullableText = { type: 'string', nullable: true };
const textOrList = { oneOf: [{ type: 'string' }, { type: 'array', items: {} }] };
const stream = { type: 'boolean', description: 'Answer by server-sent events' };

const openAiError: Schema = {
  type: 'object',
  required: ['error'],
  properties: { error: { type: 'object', required: ['message', 'type', 'code', 'param'], properties: { message: text, type: text, code: nullableText, param: nullableText } } },
};

const anthropicError: Schema = {
  type: 'object',
  required: ['type', 'error'],
  properties: {
    type: { type: 'string', enum: ['error'] },
    error: { type: 'object', required: ['type', 'message'], properties: { type: text, message: text, code: nullableText, param: nullableText } },
    request_id: text,
  },
};

const APIS: Readonly<Record<string, Api>> = {
  '/v1/chat/completions': {
    name: 'Chat completion',
    required: { model: text, messages: { type: 'array', items: { type: 'object' }, minItems: 1 } },
    optional: { stream },
    reference: 'https://platform.openai.com/docs/api-reference/chat/create',
    streams: true,
    error: openAiError,
  },
  '/v1/responses': {
    name: 'Response',
    required: { model: text },
    optional: { input: { ...textOrList, description: 'Needed unless `previous_response_id` or `prompt` is given' }, instructions: text, previous_response_id: text, stream },
    reference: 'https://platform.openai.com/docs/api-reference/responses/create',
    streams: true,
    error: openAiError,
  },
  '/v1/messages': {
    name: 'Message',
    required: { model: text, max_tokens: { type: 'integer', minimum: 0 }, messages: { type: 'array', items: { type: 'object' }, minItems: 1 } },
    optional: { system: textOrList, stream },
    reference: 'https://platform.claude.com/docs/en/api/messages/create',
    streams: true,
    error: anthropicError,
    headers: [
      ['anthropic-version', text, 'As Anthropic\'s SDKs send it'],
      ['anthropic-beta', text, 'Passed to Anthropic; a beta that others have no words for is refused there'],
    ],
  },
  '/v1/embeddings': {
    name: 'Embeddings',
    required: { model: text, input: textOrList },
    reference: 'https://platform.openai.com/docs/api-reference/embeddings/create',
    streams: false,
    error: openAiError,
  },
};

const REQUEST_HEADERS: readonly Header[] = [
  ['x-apex-session', { type: 'string', maxLength: 256 }, 'Your own id of the conversation'],
  ['x-apex-tags', text, 'Comma-separated tags to account by: at most 16, of at most 64 characters'],
  ['x-apex-timeout-ms', { type: 'integer' }, 'How long you wait at most'],
  ['Idempotency-Key', { type: 'string', minLength: 1, maxLength: 255 }, 'The same key with the same request gets the same answer for 24 hours, and neither runs nor is billed again'],
];
const STREAM_HEADERS: readonly Header[] = [['x-apex-trailer', { type: 'string', enum: ['on'] }, 'Tell tokens and cost of a stream in a comment before its end']];

const RESPONSE_HEADERS: Readonly<Record<string, string>> = {
  'x-request-id': "Apex's own id of the request, a UUIDv7",
  'x-tokens-used': 'Prompt and completion tokens together; absent on streams, whose end alone knows',
  'x-apex-cohort': '`gateway`, or `direct; reason=...`',
  'x-apex-model': 'The model that answered',
  'x-apex-mechanism': 'What saved something, or `none`',
  'x-apex-cost-usd': 'What the request cost, with twelve decimals, or `unpriced`',
  'x-apex-savings-usd': 'The net saving',
  'x-apex-ignored': 'Hints of the request that the model\'s provider has no words for and that change nothing in the answer',
  'x-apex-idempotent-replay': '`true` for an answer that was given before',
};

/** Anthropic's SDKs send their key as `x-api-key`; both are taken everywhere. */
const security: Record<string, string[]>[] = [{ bearer: [] }, { 'x-api-key': [] }];

/** OpenAPI paths of the data plane, which Nest does not know: each API through the gateway and on the direct path. */
export function dataPlanePaths(): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {};
  for (const [prefix, tag, note] of [
    ['', 'data plane', 'through the gateway'],
    ['/direct', 'direct path', 'as asked, nothing optimised'],
  ] as const) {
    for (const [path, api] of Object.entries(APIS)) paths[`${prefix}${path}`] = { post: call(tag, note, api) };
    paths[`${prefix}/v1/models`] = { get: models(tag, 'The models that this key can ask for', "OpenAI's list") };
    paths[`${prefix}/v1/models/{model}`] = { get: { ...models(tag, 'One of the models that this key can ask for', "OpenAI's model"), parameters: [{ name: 'model', in: 'path', required: true, schema: text }] } };
  }
  return paths;
}

const call = (tag: string, note: string, api: Api): Operation => ({
  tags: [tag],
  summary: `${api.name}, ${note}${api.streams ? '; with `stream: true` as server-sent events' : ''}`,
  externalDocs: { url: api.reference },
  security,
  parameters: [...REQUEST_HEADERS, ...(api.streams ? STREAM_HEADERS : []), ...(api.headers ?? [])].map(([name, schema, description]) => ({ name, in: 'header', required: false, schema, description })),
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          required: Object.keys(api.required),
          properties: { ...api.required, ...api.optional },
          additionalProperties: true,
          description: 'As in the API reference. A provider that speaks this API gets the bytes as they are; for one that does not, what it has no words for is refused by its name.',
        },
      },
    },
  },
  responses: {
    200: {
      description: "The answer in this API's shape, whichever provider gave it",
      headers: Object.fromEntries(Object.entries(RESPONSE_HEADERS).map(([name, description]) => [name, { description, schema: text }])),
      content: { 'application/json': { schema: { type: 'object' } }, ...(api.streams ? { 'text/event-stream': { schema: text } } : {}) },
    },
    default: problem(api.error),
  },
});

const models = (tag: string, summary: string, description: string): Operation => ({
  tags: [tag],
  summary,
  security,
  responses: { 200: { description, content: { 'application/json': { schema: { type: 'object' } } } }, default: problem(openAiError) },
});

const problem = (schema: Schema): NonNullable<Operation['responses']>[string] => ({
  description: "An error in this API's shape",
  headers: { 'x-apex-error': { description: 'Its stable code', schema: text } },
  content: { 'application/json': { schema } },
});
