import { type Directive, NO_DIRECTIVE, parseDirective } from '../core/directive.js';
import { type AnswerFormat, type Order, type Tool, type ToolChoice } from '../core/generation.js';
import { Prompt, obviouslyTooLong } from '../core/prompt.js';
import { seedOf } from '../core/random.js';
import { type Tokenizer } from '../core/tokenizer.js';
import { badRequest } from './errors.js';
import { type Content, type GenerateBody, type Part, type Schema } from './generate.schema.js';
import { type GeminiModel } from './models.js';

const MARKER = /^\[\[simulate:([^\]]*)\]\]\s*/;
/** Tokens of a page of a PDF; a document has one here. */
const PAGE = 258;
/** Most that a simulated model thinks about one answer. */
const MOST_THOUGHT = 1_500;

/**
 * Google's requests have no place for metadata: a test's order stands at the very start of the first text part of the
 * system instruction or of the first content, `[[simulate:503;times=1;id=a]]`. It is taken out: the model does not read it.
 */
export function takeDirective(body: GenerateBody): { readonly body: GenerateBody; readonly directive: Directive } {
  const system = taken(body.systemInstruction);
  if (system) return { body: { ...body, systemInstruction: system.content }, directive: system.directive };
  const first = taken(body.contents[0]);
  if (first) return { body: { ...body, contents: [first.content, ...body.contents.slice(1)] }, directive: first.directive };
  return { body, directive: NO_DIRECTIVE };
}

function taken<C extends Content>(content: C | undefined): { readonly content: C; readonly directive: Directive } | null {
  const index = content?.parts?.findIndex((part) => part.text !== undefined) ?? -1;
  const found = MARKER.exec(content?.parts?.[index]?.text ?? '');
  if (!content?.parts || !found) return null;
  const parts = content.parts.map((part, place) => (place === index ? { ...part, text: (part.text as string).slice(found[0].length) } : part));
  return { content: { ...content, parts }, directive: parseDirective(found[1] as string) };
}

/** A prompt and its tokens by what they are made of. */
export interface CountedPrompt {
  readonly prompt: Prompt;
  readonly modalities: readonly { readonly modality: 'TEXT' | 'IMAGE' | 'DOCUMENT'; readonly tokenCount: number }[];
}

/** @throws GeminiError if it does not fit */
export function promptOf(body: GenerateBody, model: GeminiModel, tokenizer: Tokenizer): CountedPrompt {
  const tooLong = (tokens: string): Error => badRequest(`The input token count (${tokens}) exceeds the maximum number of tokens allowed (${model.contextWindow}).`);
  const contents = [...(body.systemInstruction ? [body.systemInstruction] : []), ...body.contents];
  if (obviouslyTooLong(contents.flatMap((content) => (content.parts ?? []).map((part) => part.text ?? '')), model.contextWindow)) throw tooLong(`more than ${model.contextWindow}`);
  const prompt = new Prompt(tokenizer);
  let image = 0;
  let document = 0;
  const media = (part: Pick<Part, 'inlineData' | 'fileData'>): void => {
    const isDocument = /^(application|text)\//.test(part.inlineData?.mimeType ?? part.fileData?.mimeType ?? '');
    const tokens = isDocument ? PAGE : model.image.high;
    if (isDocument) document += tokens;
    else image += tokens;
    prompt.filler(tokens, seedOf(JSON.stringify(part)));
  };
  for (const tool of functionsOf(body)) prompt.filler(4, 1).text(JSON.stringify(tool));
  const format = formatOf(body);
  if (format.kind === 'schema') prompt.text(JSON.stringify(format.schema));
  for (const content of contents) {
    prompt.filler(1, content.role === 'model' ? 2 : 3);
    for (const part of content.parts ?? []) {
      if (part.text !== undefined) prompt.text(part.text);
      if (part.functionCall) prompt.filler(4, 4).text(part.functionCall.name).text(JSON.stringify(part.functionCall.args ?? {}));
      if (part.functionResponse) prompt.filler(4, 5).text(part.functionResponse.name).text(JSON.stringify(part.functionResponse.response));
      for (const one of [part, ...(part.functionResponse?.parts ?? [])]) if (one.inlineData || one.fileData) media({ inlineData: one.inlineData, fileData: one.fileData });
    }
  }
  if (prompt.tokens > model.contextWindow) throw tooLong(String(prompt.tokens));
  const modalities = ([['TEXT', prompt.tokens - image - document], ['IMAGE', image], ['DOCUMENT', document]] as const).map(([modality, tokenCount]) => ({ modality, tokenCount }));
  return { prompt, modalities: modalities.filter(({ tokenCount }) => tokenCount > 0) };
}

/** A signature and an id say nothing to the model. */
const withoutMarks = (key: string, value: unknown): unknown => (key === 'thoughtSignature' || key === 'id' ? undefined : value);

export function orderOf(body: GenerateBody, model: GeminiModel, promptTokens: number, targetTokens: number | null, tokenizer: Tokenizer): Order {
  const config = body.generationConfig ?? {};
  const userText = body.contents.flatMap((content) => (content.role === 'model' ? [] : [(content.parts ?? []).flatMap((part) => (part.text === undefined ? [] : [part.text])).join('\n')])).findLast((text) => text !== '') ?? '';
  const identity = JSON.stringify([model.id, body.contents, body.systemInstruction?.parts ?? null, body.tools ?? null, config.seed ?? null, config.responseSchema ?? config.responseJsonSchema ?? null], withoutMarks);
  const { tools, toolChoice } = toolsOf(body);
  return {
    identity,
    userText,
    userTokens: tokenizer.count(userText),
    lastIsToolResult: body.contents.at(-1)?.parts?.some((part) => part.functionResponse !== undefined) === true,
    answers: config.candidateCount ?? 1,
    maxTokens: Math.max(1, Math.min(config.maxOutputTokens ?? model.maxOutput, model.contextWindow - promptTokens)),
    targetTokens: targetTokens === null ? null : Math.min(targetTokens, model.maxOutput),
    reasoningTokens: thinkingTokens(body, model, identity),
    stops: config.stopSequences ?? [],
    tools,
    toolChoice,
    parallelTools: true,
    format: formatOf(body),
  };
}

function thinkingTokens(body: GenerateBody, model: GeminiModel, identity: string): number {
  const budget = body.generationConfig?.thinkingConfig?.thinkingBudget ?? (model.thinksByDefault ? -1 : 0);
  const share = 0.2 + 0.3 * ((seedOf(identity) % 100) / 100);
  if (budget === 0) return 0;
  return budget === -1 ? Math.round(800 * share) : Math.max(1, Math.min(MOST_THOUGHT, Math.round(budget * share)));
}

const functionsOf = (body: GenerateBody): NonNullable<NonNullable<GenerateBody['tools']>[number]['functionDeclarations']> => (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []);

function toolsOf(body: GenerateBody): { tools: Tool[]; toolChoice: ToolChoice } {
  const calling = body.toolConfig?.functionCallingConfig;
  const allowed = calling?.allowedFunctionNames && new Set(calling.allowedFunctionNames);
  const tools = functionsOf(body).filter(({ name }) => !allowed || allowed.has(name)).map(({ name, parameters, parametersJsonSchema }) => ({ name, parameters: parametersJsonSchema ?? (parameters && jsonSchemaOf(parameters)) }));
  switch (calling?.mode) {
    case 'ANY': return { tools, toolChoice: 'required' };
    case 'NONE': return { tools, toolChoice: 'none' };
    case 'AUTO':
    case 'VALIDATED':
    case 'MODE_UNSPECIFIED':
    case undefined: return { tools, toolChoice: 'auto' };
  }
}

function formatOf({ generationConfig: config }: GenerateBody): AnswerFormat {
  if (config?.responseMimeType !== 'application/json') return { kind: 'text' };
  if (config.responseJsonSchema) return { kind: 'schema', schema: config.responseJsonSchema };
  return config.responseSchema ? { kind: 'schema', schema: jsonSchemaOf(config.responseSchema) } : { kind: 'json' };
}

/** Google's schema as a JSON Schema: types in small letters, bounds as numbers. */
function jsonSchemaOf(schema: Schema): Readonly<Record<string, unknown>> {
  const bounds = ['minItems', 'maxItems', 'minLength', 'maxLength'].flatMap((name) => (schema[name] === undefined ? [] : [[name, Number(schema[name])] as const]));
  return {
    ...schema,
    ...Object.fromEntries(bounds),
    ...(schema.type !== undefined && { type: schema.type.toLowerCase() }),
    ...(schema.properties && { properties: Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, jsonSchemaOf(property)])) }),
    ...(schema.items && { items: jsonSchemaOf(schema.items) }),
    ...(schema.anyOf && { anyOf: schema.anyOf.map(jsonSchemaOf) }),
  };
}
