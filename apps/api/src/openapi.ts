import { type INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

type PathItem = OpenAPIObject['paths'][string];

const errorSchema = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: { message: { type: 'string' }, type: { type: 'string' }, code: { type: 'string', nullable: true }, param: { type: 'string', nullable: true } },
    },
  },
};

const RESPONSE_HEADERS: Readonly<Record<string, string>> = {
  'x-request-id': "Apex's own id of the request, a UUIDv7",
  'x-tokens-used': 'Prompt and completion tokens together; absent on streams, whose end alone knows',
  'x-apex-cohort': '`gateway`, or `direct; reason=...`',
  'x-apex-model': 'The model that answered',
  'x-apex-mechanism': 'What saved something, or `none`',
  'x-apex-cost-usd': 'What the request cost, with twelve decimals, or `unpriced`',
  'x-apex-savings-usd': 'The net saving',
};

/** OpenAPI of the control plane from its controllers, and of the data plane, which Nest does not know, by hand. */
export function setUpOpenApi(app: INestApplication): void {
  const config = new DocumentBuilder()
    .setTitle('Netra Apex')
    .setDescription("The data plane speaks OpenAI's protocol: use the official SDKs with `<address>/v1` as their base URL.")
    .setVersion('1')
    .addBearerAuth()
    .build();
  const build = (): OpenAPIObject => {
    const document = SwaggerModule.createDocument(app, config);
    return { ...document, paths: { ...dataPlanePaths(), ...document.paths } };
  };
  SwaggerModule.setup('docs', app, build, { jsonDocumentUrl: 'docs-json', yamlDocumentUrl: 'docs-yaml' });
}

function dataPlanePaths(): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {};
  for (const [prefix, tag, note] of [
    ['', 'data plane', 'through the gateway'],
    ['/direct', 'direct path', 'as asked, nothing optimised'],
  ] as const) {
    paths[`${prefix}/v1/chat/completions`] = { post: call(tag, `Chat completion, ${note}; with \`stream: true\` as server-sent events`, ['model', 'messages']) };
    paths[`${prefix}/v1/embeddings`] = { post: call(tag, `Embeddings, ${note}`, ['model', 'input']) };
    paths[`${prefix}/v1/models`] = { get: { tags: [tag], summary: 'The models that this key can ask for', security: [{ bearer: [] }], responses: { 200: { description: "OpenAI's list" } } } };
  }
  return paths;
}

const call = (tag: string, summary: string, required: string[]): NonNullable<PathItem['post']> => ({
  tags: [tag],
  summary,
  security: [{ bearer: [] }],
  parameters: [
    { name: 'x-apex-session', in: 'header', required: false, schema: { type: 'string', maxLength: 256 }, description: 'Your own id of the conversation' },
    { name: 'x-apex-tags', in: 'header', required: false, schema: { type: 'string' }, description: 'Comma-separated tags to account by' },
    { name: 'x-apex-timeout-ms', in: 'header', required: false, schema: { type: 'integer' }, description: 'How long you wait at most' },
    { name: 'x-apex-trailer', in: 'header', required: false, schema: { type: 'string', enum: ['on'] }, description: 'Tell tokens and cost of a stream in a comment before its end' },
  ],
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: { type: 'object', required, properties: { model: { type: 'string' } }, additionalProperties: true, description: "As in OpenAI's API reference; members that Apex does not know pass untouched." },
      },
    },
  },
  responses: {
    200: {
      description: "The provider's answer",
      headers: Object.fromEntries(Object.entries(RESPONSE_HEADERS).map(([name, description]) => [name, { description, schema: { type: 'string' } }])),
    },
    default: { description: "An error in OpenAI's shape", content: { 'application/json': { schema: errorSchema } } },
  },
});
