import { z } from 'zod';
import { jsonObject as fields } from '../../dialogue/wire-schemas.js';
import { thinkingConfigSchema } from './reasoning.js';

/**
 * The wire form of a request (ai.google.dev/api/generate-content and /api/caching; @google/genai 3.1, dist/genai.d.ts), in
 * lower camel case. A member that is right but that no other protocol has is `foreign`: it is taken, and refused by its
 * name where the request is read. Members that are in no schema are none of Gemini's.
 */
const foreign = z.unknown().optional();

const blob = z.strictObject({ mimeType: z.string().min(1), data: z.string(), displayName: z.string().nullish() });
const file = z.strictObject({ fileUri: z.string().min(1), mimeType: z.string().min(1).nullish(), displayName: z.string().nullish() });
const mediaResolution = z.strictObject({ level: z.string().nullish(), numTokens: z.number().nullish() });

const functionCall = z.strictObject({ id: z.string().nullish(), name: z.string().min(1), args: fields.nullish(), partialArgs: foreign, willContinue: foreign });
const functionResponse = z.strictObject({
  id: z.string().nullish(),
  name: z.string().min(1),
  response: fields.nullish(),
  parts: z.array(z.strictObject({ inlineData: blob.nullish(), fileData: file.nullish(), mediaProcessing: foreign })).nullish(),
  scheduling: foreign,
  willContinue: foreign,
});

export const FOREIGN_PARTS = ['toolCall', 'toolResponse', 'audioTranscription', 'codeExecutionResult', 'executableCode', 'videoMetadata', 'mediaProcessing', 'speechMetadata'] as const;

const partSchema = z.strictObject({
  text: z.string().nullish(),
  thought: z.boolean().nullish(),
  thoughtSignature: z.string().nullish(),
  inlineData: blob.nullish(),
  fileData: file.nullish(),
  functionCall: functionCall.nullish(),
  functionResponse: functionResponse.nullish(),
  mediaResolution: mediaResolution.nullish(),
  partMetadata: fields.nullish(),
  ...foreignMembers(FOREIGN_PARTS),
});
export type WirePart = z.infer<typeof partSchema>;

/** Results come from the user; older clients call it `function`, and examples of Google's `tool`. */
const content = z.strictObject({ role: z.enum(['user', 'model', 'function', 'tool']).nullish(), parts: z.array(partSchema).min(1) });
export type WireContent = z.infer<typeof content>;

const functionDeclaration = z.strictObject({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: fields.nullish(),
  parametersJsonSchema: fields.nullish(),
  response: foreign,
  responseJsonSchema: foreign,
  behavior: foreign,
});

/** Tools that Google runs, by the member that asks for them. */
export const FOREIGN_TOOLS = [
  'retrieval', 'googleSearch', 'googleSearchRetrieval', 'googleMaps', 'codeExecution', 'computerUse', 'urlContext', 'fileSearch', 'mcpServers',
  'enterpriseWebSearch', 'exaAiSearch', 'parallelAiSearch',
] as const;

export const toolSchema = z.strictObject({ functionDeclarations: z.array(functionDeclaration).nullish(), ...foreignMembers(FOREIGN_TOOLS) });
export const toolConfigSchema = z.strictObject({
  functionCallingConfig: z
    .strictObject({ mode: z.enum(['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED']).nullish(), allowedFunctionNames: z.array(z.string()).nullish(), streamFunctionCallArguments: z.boolean().nullish() })
    .nullish(),
  retrievalConfig: foreign,
  includeServerSideToolInvocations: z.boolean().nullish(),
});

export const FOREIGN_SETTINGS = [
  'speechConfig', 'imageConfig', 'audioTimestamp', 'audioTranscriptionConfig', 'enableAffectiveDialog', 'enableEnhancedCivicAnswers', 'routingConfig',
  'modelSelectionConfig', 'responseFormat', 'translationConfig',
] as const;

const generationConfigSchema = z.strictObject({
  maxOutputTokens: z.int().min(1).nullish(),
  temperature: z.number().nullish(),
  topP: z.number().nullish(),
  // The SDK's type says number, the API's int32; 40.0 is 40 in JSON.
  topK: z.int().nullish(),
  stopSequences: z.array(z.string()).nullish(),
  seed: z.int().nullish(),
  candidateCount: z.int().min(1).nullish(),
  presencePenalty: z.number().nullish(),
  frequencyPenalty: z.number().nullish(),
  responseLogprobs: z.boolean().nullish(),
  logprobs: z.int().min(0).nullish(),
  responseMimeType: z.string().nullish(),
  responseSchema: fields.nullish(),
  responseJsonSchema: fields.nullish(),
  responseModalities: z.array(z.string()).nullish(),
  mediaResolution: z.string().nullish(),
  thinkingConfig: thinkingConfigSchema.nullish(),
  ...foreignMembers(FOREIGN_SETTINGS),
});
export type WireSettings = z.infer<typeof generationConfigSchema>;

export const FOREIGN_MEMBERS = ['safetySettings', 'cachedContent', 'continuationToken', 'modelArmorConfig'] as const;

export const requestSchema = z.strictObject({
  // Of the URL: see `parseGeminiPath`.
  model: z.string().min(1),
  stream: z.boolean().nullish(),
  contents: z.array(content).min(1),
  systemInstruction: content.nullish(),
  tools: z.array(toolSchema).nullish(),
  toolConfig: toolConfigSchema.nullish(),
  generationConfig: generationConfigSchema.nullish(),
  serviceTier: z.string().nullish(),
  store: z.boolean().nullish(),
  labels: fields.nullish(),
  ...foreignMembers(FOREIGN_MEMBERS),
});

/**
 * Members of a request that change neither the answer nor its form, and are passed over where it is read: for Google's own
 * bookkeeping (`labels`, `store`, `partMetadata`), the default said aloud (`serviceTier` of `standard`), and whether thoughts
 * are shown, which each side's own protocol rules. A `serviceTier` of `flex` or `priority` is another service, and refused.
 */
export const IGNORED_HINTS: readonly string[] = ['labels', 'store', 'serviceTier', 'contents[].parts[].partMetadata', 'generationConfig.thinkingConfig.includeThoughts'];

function foreignMembers<const T extends readonly string[]>(names: T): Record<T[number], z.ZodOptional<z.ZodUnknown>> {
  return Object.fromEntries(names.map((name) => [name, foreign])) as Record<T[number], z.ZodOptional<z.ZodUnknown>>;
}
