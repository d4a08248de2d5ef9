import { type Fields, isPresent } from '@apex/common';
import { type Conversation, type OutputFormat } from '../../dialogue/conversation.js';
import { type Problems } from '../../dialogue/problems.js';
import { refuseUnsayable } from '../../dialogue/unsayable.js';
import { decodeReasoning, encodeReasoning } from './reasoning.js';
import { enforcedSchema, fromOpenApiSchema } from './schema.js';
import { FOREIGN_SETTINGS, type WireSettings } from './wire.js';

/** ai.google.dev/api/generate-content, `GenerationConfig.stopSequences`: "up to 5". */
const MAX_STOP_SEQUENCES = 5;
const JSON_TYPE = 'application/json';
const PATH = 'generationConfig';

type Settings = Pick<
  Conversation,
  'maxOutputTokens' | 'temperature' | 'topP' | 'topK' | 'stop' | 'seed' | 'presencePenalty' | 'frequencyPenalty' | 'candidates' | 'logprobs' | 'output' | 'reasoning'
>;

/** `generationConfig` (ai.google.dev/api/generate-content, `GenerationConfig`); null: nothing was set. */
export function encodeSettings(conversation: Conversation, problems: Problems): Fields | null {
  const { maxOutputTokens, temperature, topP, topK, stop, seed, presencePenalty, frequencyPenalty, candidates, reasoning } = conversation;
  if (stop.length > MAX_STOP_SEQUENCES) problems.inexpressible('stop', `Gemini takes ${MAX_STOP_SEQUENCES} stop sequences at most`);
  if (seed !== null && seed !== (seed | 0)) problems.inexpressible('seed', 'Gemini takes a seed of 32 bits');
  refuseUnsayable(conversation, ['logprobs'], problems);
  const thinkingConfig = reasoning === null ? null : encodeReasoning(reasoning, conversation.model, problems);
  const config = Object.fromEntries(
    Object.entries({ maxOutputTokens, temperature, topP, topK, seed, presencePenalty, frequencyPenalty, thinkingConfig, ...encodeOutput(conversation.output, problems) }).filter(([, value]) => isPresent(value)),
  );
  const all = { ...config, ...(stop.length > 0 && { stopSequences: stop }), ...(candidates !== 1 && { candidateCount: candidates }) };
  return Object.keys(all).length === 0 ? null : all;
}

/**
 * JSON as such, or held to a schema. A schema's name is a label that only its `title` could tell, where it has none; its
 * description, which the model is to read, becomes the schema's own.
 */
function encodeOutput(output: OutputFormat, problems: Problems): Fields {
  if (output.kind === 'text') return {};
  if (output.kind === 'json') return { responseMimeType: JSON_TYPE };
  const { schema, unenforced } = enforcedSchema(output.schema);
  if (output.strict === true) for (const where of unenforced) problems.inexpressible(`output.schema.${where}`, 'Gemini does not enforce this, and the schema is to be kept strictly');
  if (output.description !== null && isPresent(schema['description'])) problems.inexpressible('output.description', 'the schema has a description of its own');
  const labels = { ...(output.name !== null && !isPresent(schema['title']) && { title: output.name }), ...(output.description !== null && { description: output.description }) };
  return { responseMimeType: JSON_TYPE, responseJsonSchema: { ...schema, ...labels } };
}

export function decodeSettings(config: WireSettings, problems: Problems): Settings {
  problems.refuse(config, PATH, FOREIGN_SETTINGS, 'nobody else has this');
  if (config.responseModalities?.some((modality) => modality !== 'TEXT') === true) problems.inexpressible(`${PATH}.responseModalities`, 'only text can be carried over');
  if (isPresent(config.mediaResolution) && config.mediaResolution !== 'MEDIA_RESOLUTION_UNSPECIFIED') problems.inexpressible(`${PATH}.mediaResolution`, 'only single images have a resolution elsewhere');
  if (config.responseLogprobs === true) problems.inexpressible(`${PATH}.responseLogprobs`, 'log probabilities of an answer cannot be carried over');
  else if (isPresent(config.logprobs)) problems.invalid(`${PATH}.logprobs`, 'is only for responseLogprobs');
  return {
    maxOutputTokens: config.maxOutputTokens ?? null,
    temperature: config.temperature ?? null,
    topP: config.topP ?? null,
    topK: config.topK ?? null,
    stop: config.stopSequences ?? [],
    seed: config.seed ?? null,
    presencePenalty: config.presencePenalty ?? null,
    frequencyPenalty: config.frequencyPenalty ?? null,
    candidates: config.candidateCount ?? 1,
    logprobs: null,
    output: decodeOutput(config, problems),
    reasoning: config.thinkingConfig == null ? null : decodeReasoning(config.thinkingConfig, `${PATH}.thinkingConfig`, problems),
  };
}

function decodeOutput(config: WireSettings, problems: Problems): OutputFormat {
  const { responseMimeType: type, responseSchema, responseJsonSchema } = config;
  const isText = !isPresent(type) || type === '' || type === 'text/plain';
  if (!isText && type !== JSON_TYPE) problems.inexpressible(`${PATH}.responseMimeType`, 'only text and JSON have counterparts');
  if (isPresent(responseSchema) && isPresent(responseJsonSchema)) problems.invalid(`${PATH}.responseSchema`, 'responseSchema and responseJsonSchema cannot both be set');
  const member = isPresent(responseSchema) ? 'responseSchema' : 'responseJsonSchema';
  const schema = isPresent(responseSchema) ? fromOpenApiSchema(responseSchema ?? {}) : (responseJsonSchema ?? undefined);
  if (schema === undefined) return isText ? { kind: 'text' } : { kind: 'json' };
  if (schema === null) problems.invalid(`${PATH}.${member}`, 'nests too deep');
  if (isText) problems.invalid(`${PATH}.responseMimeType`, `must be ${JSON_TYPE} where there is a schema`);
  return { kind: 'json_schema', name: null, description: null, schema: schema ?? {}, strict: null };
}
