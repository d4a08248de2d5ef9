import { z } from 'zod';

const bytes = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/, 'Base64 decoding failed');
const blob = z.strictObject({ mimeType: z.string(), data: bytes.min(1), displayName: z.string().optional() });
const file = z.strictObject({ mimeType: z.string().optional(), fileUri: z.string().min(1), displayName: z.string().optional() });

const part = z.strictObject({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  thoughtSignature: z.string().optional(),
  inlineData: blob.optional(),
  fileData: file.optional(),
  functionCall: z.strictObject({ id: z.string().optional(), name: z.string().min(1, 'Name cannot be empty.'), args: z.record(z.string(), z.unknown()).nullish() }).optional(),
  functionResponse: z.strictObject({
    id: z.string().optional(),
    name: z.string().min(1, 'Name cannot be empty.'),
    response: z.record(z.string(), z.unknown()),
    parts: z.array(z.strictObject({ inlineData: blob.optional(), fileData: file.optional() })).optional(),
  }).optional(),
  videoMetadata: z.looseObject({}).optional(),
  mediaResolution: z.looseObject({}).optional(),
  partMetadata: z.looseObject({}).optional(),
});

const parts = z.array(part);

/** Google's subset of OpenAPI's schema. Types may be in small letters, and bounds come as strings or numbers. */
export interface Schema {
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly items?: Schema | undefined;
  readonly anyOf?: readonly Schema[] | undefined;
  readonly nullable?: boolean | undefined;
  readonly [name: string]: unknown;
}

const bound = z.union([z.string().regex(/^\d+$/), z.int().nonnegative()]).optional();
const schema: z.ZodType<Schema> = z.lazy(() => z.strictObject({
  type: z.string().regex(/^(type_unspecified|string|number|integer|boolean|array|object|null)$/i, 'must be a Type').optional(),
  format: z.string().optional(),
  title: z.string().optional(),
  description: z.string().optional(),
  nullable: z.boolean().optional(),
  enum: z.array(z.string()).optional(),
  maxItems: bound, minItems: bound, maxLength: bound, minLength: bound, maxProperties: bound, minProperties: bound,
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  pattern: z.string().optional(),
  properties: z.record(z.string(), schema).optional(),
  required: z.array(z.string()).optional(),
  propertyOrdering: z.array(z.string()).optional(),
  items: schema.optional(),
  anyOf: z.array(schema).optional(),
  default: z.unknown().optional(),
  example: z.unknown().optional(),
}));

const declaration = z.strictObject({
  name: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/, '[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.'),
  description: z.string().optional(),
  parameters: schema.optional(),
  parametersJsonSchema: z.looseObject({}).optional(),
  response: schema.optional(),
  responseJsonSchema: z.looseObject({}).optional(),
});

const thinkingConfig = z.strictObject({ includeThoughts: z.boolean().optional(), thinkingBudget: z.int().optional(), thinkingLevel: z.string().optional() });

const generationConfig = z.strictObject({
  candidateCount: z.int().min(1, 'candidate_count must be in the range [1, 8]').max(8, 'candidate_count must be in the range [1, 8]').optional(),
  maxOutputTokens: z.int().min(1, 'max_output_tokens must be positive.').optional(),
  temperature: z.number().min(0, 'temperature must be in the range [0.0, 2.0].').max(2, 'temperature must be in the range [0.0, 2.0].').optional(),
  topP: z.number().min(0, 'top_p must be in the range [0.0, 1.0].').max(1, 'top_p must be in the range [0.0, 1.0].').optional(),
  topK: z.number().min(1, 'top_k must be positive.').optional(),
  seed: z.int().optional(),
  presencePenalty: z.number().min(-2).max(2).optional(),
  frequencyPenalty: z.number().min(-2).max(2).optional(),
  stopSequences: z.array(z.string()).max(5, 'The number of stop sequences must not exceed 5.').optional(),
  responseMimeType: z.enum(['text/plain', 'application/json']).optional(),
  responseSchema: schema.optional(),
  responseJsonSchema: z.looseObject({}).optional(),
  responseModalities: z.array(z.literal('TEXT')).optional(),
  mediaResolution: z.string().optional(),
  thinkingConfig: thinkingConfig.optional(),
});

/** `models.generateContent` (ai.google.dev/api/generate-content), in camel case. What the API does not know, it refuses. */
export const generateSchema = z.strictObject({
  model: z.string().optional(),
  contents: z.array(z.strictObject({ role: z.string().optional(), parts: parts.optional() })).min(1, 'contents is not specified'),
  systemInstruction: z.strictObject({ role: z.string().optional(), parts: parts.optional() }).optional(),
  tools: z.array(z.strictObject({ functionDeclarations: z.array(declaration).optional() })).optional(),
  toolConfig: z.strictObject({
    functionCallingConfig: z.strictObject({ mode: z.enum(['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED']).optional(), allowedFunctionNames: z.array(z.string()).optional() }).optional(),
  }).optional(),
  generationConfig: generationConfig.optional(),
  safetySettings: z.array(z.strictObject({ category: z.string(), threshold: z.string() })).optional(),
  cachedContent: z.string().optional(),
  serviceTier: z.string().optional(),
  store: z.boolean().optional(),
});

export type GenerateBody = z.infer<typeof generateSchema>;
export type Content = GenerateBody['contents'][number];
export type Part = z.infer<typeof part>;
