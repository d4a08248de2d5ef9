import fc from 'fast-check';
import { type AssistantPart, type Conversation, type OutputFormat, type Reasoning, type ReasoningEffort, type TextPart, type Tool, type ToolCallPart, type ToolChoice, type Turn, type UserPart } from './conversation.js';
import { type Protocol } from './protocol.js';

/**
 * What of a conversation a protocol can say. All of it is on unless switched off; where two forms mean one thing the
 * switches say which of them comes back from a round trip.
 */
export interface ConversationCapabilities {
  readonly images: boolean;
  readonly imageUrls: boolean;
  readonly imageDetail: boolean;
  readonly documents: boolean;
  readonly documentUrls: boolean;
  readonly documentTexts: boolean;
  /** `required`: the protocol wants a name for a document. */
  readonly documentNames: boolean | 'required';
  /** Images in tool results; `toolResultDocuments` alike. */
  readonly toolResultImages: boolean;
  readonly toolResultDocuments: boolean;
  readonly toolErrors: boolean;
  readonly refusals: boolean;
  readonly thinking: boolean;
  /** Thinking without a signature, and with one. */
  readonly thinkingSignatures: boolean | 'required';
  readonly redactedThinking: boolean;
  /** Whose signatures over thinking come back. */
  readonly signers: readonly Protocol[];
  readonly callSignatures: boolean;
  /** Parts of an assistant's turn in any order; otherwise thinking, then text or refusal, then tool calls. */
  readonly freeOrder: boolean;
  /** At most so many text parts, refusals and thinking parts in an assistant's turn, each. */
  readonly assistantTexts: number;
  /** Several text parts next to each other in a user's turn. */
  readonly adjacentTexts: boolean;
  /** Text after the results in the turn that answers tool calls. */
  readonly mixedToolTurns: boolean;
  /** Tool results of one turn told by several turns, and user after user. */
  readonly consecutiveTurns: boolean;
  readonly midSystem: boolean;
  readonly systemParts: number;
  readonly cache: boolean;
  readonly tools: boolean;
  readonly strictTools: boolean;
  /** Arguments as any text; otherwise as `JSON.stringify` writes an object. */
  readonly rawArguments: boolean;
  readonly toolChoice: boolean;
  readonly parallelTools: boolean;
  readonly maxOutputTokens: boolean | 'required';
  readonly maxTemperature: number;
  readonly topK: boolean;
  readonly stopSequences: number;
  readonly seed: boolean;
  readonly penalties: boolean;
  readonly candidates: boolean;
  readonly logprobs: boolean;
  readonly json: boolean;
  readonly jsonSchema: boolean;
  /** `required`: the protocol wants a name for a schema. */
  readonly schemaNames: boolean | 'required';
  readonly schemaDescriptions: boolean;
  readonly strictSchemas: boolean;
  readonly reasoning: boolean;
  readonly efforts: readonly ReasoningEffort[];
  readonly budgetTokens: boolean;
  /** Reasoning switched on without saying how much. */
  readonly bareReasoning: boolean;
  readonly reasoningOff: boolean;
  readonly endUser: boolean;
}

export const EVERYTHING: ConversationCapabilities = {
  images: true,
  imageUrls: true,
  imageDetail: true,
  documents: true,
  documentUrls: true,
  documentTexts: true,
  documentNames: true,
  toolResultImages: true,
  toolResultDocuments: true,
  toolErrors: true,
  refusals: true,
  thinking: true,
  thinkingSignatures: true,
  redactedThinking: true,
  signers: ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'],
  callSignatures: true,
  freeOrder: true,
  assistantTexts: 3,
  adjacentTexts: true,
  mixedToolTurns: true,
  consecutiveTurns: true,
  midSystem: true,
  systemParts: 3,
  cache: true,
  tools: true,
  strictTools: true,
  rawArguments: true,
  toolChoice: true,
  parallelTools: true,
  maxOutputTokens: true,
  maxTemperature: 2,
  topK: true,
  stopSequences: 4,
  seed: true,
  penalties: true,
  candidates: true,
  logprobs: true,
  json: true,
  jsonSchema: true,
  schemaNames: true,
  schemaDescriptions: true,
  strictSchemas: true,
  reasoning: true,
  efforts: ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  budgetTokens: true,
  bareReasoning: true,
  reasoningOff: true,
  endUser: true,
};

// Built once: making these arbitraries costs far more than drawing from them.
const TEXTS = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.constantFrom('What is the weather in Paris?', 'line one\nline two\r\nline three', '"quoted" \\ back', 'data: [DONE]\n\n', '\u2028😀 é'),
);
const NAMES = fc.stringMatching(/^[a-z][a-z0-9_-]{0,15}$/);
const IDS = fc.stringMatching(/^(call|toolu)_[A-Za-z0-9]{4,12}$/);
const BASE64 = fc.uint8Array({ minLength: 1, maxLength: 24 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const URLS = fc.webUrl({ withQueryParameters: true, validSchemes: ['https'] });
// Keys are words: an object with keys like `1` does not keep their order.
const OBJECTS = fc.dictionary(NAMES, fc.oneof(TEXTS, fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.integer(), { maxLength: 3 }), fc.dictionary(NAMES, TEXTS, { maxKeys: 2, noNullPrototype: true })), { maxKeys: 3, noNullPrototype: true });
const PROPERTIES = fc.dictionary(NAMES, fc.constantFrom({ type: 'string' }, { type: 'integer' }, { type: 'array', items: { type: 'number' } }), { maxKeys: 3, noNullPrototype: true });

/** Text that is not empty, with everything that framing and escaping could break. */
export const texts = (): fc.Arbitrary<string> => TEXTS;
export const names = (): fc.Arbitrary<string> => NAMES;
export const ids = (): fc.Arbitrary<string> => IDS;
export const jsonObjects = (): fc.Arbitrary<Record<string, unknown>> => OBJECTS;

const schemas = (): fc.Arbitrary<Record<string, unknown>> =>
  PROPERTIES.map((properties) => ({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false }));

const when = <T>(allowed: boolean, value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => (allowed ? fc.option(value, { nil: null }) : fc.constant(null));

const demanded = <T>(rule: boolean | 'required', value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => (rule === 'required' ? value : when(rule, value));

/** Adds a cache breakpoint now and then. */
function cacheable<T extends object>(can: ConversationCapabilities, part: fc.Arbitrary<T>): fc.Arbitrary<T> {
  if (!can.cache) return part;
  const breakpoint = fc.constantFrom('5m' as const, '1h' as const, null);
  return fc.oneof({ weight: 5, arbitrary: part }, { weight: 1, arbitrary: fc.tuple(part, breakpoint).map(([value, ttl]) => ({ ...value, cache: { ttl } })) });
}

const textParts = (can: ConversationCapabilities): fc.Arbitrary<TextPart> => cacheable(can, texts().map((text) => ({ type: 'text' as const, text })));

function imageParts(can: ConversationCapabilities): fc.Arbitrary<UserPart> {
  const inline = fc.record({ kind: fc.constant('base64' as const), mediaType: fc.constantFrom('image/png', 'image/jpeg', 'image/webp', 'image/gif'), data: BASE64 });
  const source = can.imageUrls ? fc.oneof(inline, fc.record({ kind: fc.constant('url' as const), url: URLS })) : inline;
  return cacheable(can, fc.record({ type: fc.constant('image' as const), source, detail: when(can.imageDetail, fc.constantFrom('auto' as const, 'low' as const, 'high' as const)) }));
}

function documentParts(can: ConversationCapabilities): fc.Arbitrary<UserPart> {
  const inline = fc.record({ kind: fc.constant('base64' as const), mediaType: fc.constant('application/pdf'), data: BASE64 });
  const sources = [inline, ...(can.documentUrls ? [fc.record({ kind: fc.constant('url' as const), url: URLS })] : []), ...(can.documentTexts ? [fc.record({ kind: fc.constant('text' as const), text: texts() })] : [])];
  return cacheable(can, fc.record({ type: fc.constant('document' as const), source: fc.oneof(...sources), name: demanded(can.documentNames, names().map((name) => `${name}.pdf`)) }));
}

function toolResults(can: ConversationCapabilities, toolCallId: string): fc.Arbitrary<UserPart> {
  const contents = [textParts(can), ...(can.toolResultImages ? [imageParts(can)] : []), ...(can.toolResultDocuments ? [documentParts(can)] : [])] as fc.Arbitrary<UserPart>[];
  const content = fc.array(fc.oneof(...contents), { minLength: 1, maxLength: can.adjacentTexts ? 3 : 1 });
  return cacheable(can, fc.record({ type: fc.constant('tool_result' as const), toolCallId: fc.constant(toolCallId), content, isError: can.toolErrors ? fc.boolean() : fc.constant(false) })) as fc.Arbitrary<UserPart>;
}

export const callArguments = (raw: boolean): fc.Arbitrary<string> => {
  const tidy = jsonObjects().map((value) => JSON.stringify(value));
  return raw ? fc.oneof(tidy, fc.constantFrom('{ "city" : "Paris" }', '{"city":"Pa', '{"n":1.0}')) : tidy;
};

export function toolCalls(can: Pick<ConversationCapabilities, 'rawArguments' | 'callSignatures'>): fc.Arbitrary<ToolCallPart> {
  const call = fc.record({ type: fc.constant('tool_call' as const), id: ids(), name: names(), arguments: callArguments(can.rawArguments) });
  return can.callSignatures ? fc.oneof(call, fc.tuple(call, BASE64).map(([value, signature]) => ({ ...value, signature }))) : call;
}

export type AssistantCapabilities = Pick<ConversationCapabilities, 'refusals' | 'thinking' | 'thinkingSignatures' | 'redactedThinking' | 'signers' | 'callSignatures' | 'freeOrder' | 'assistantTexts' | 'rawArguments' | 'tools'>;

/** The parts of an assistant's turn or of an answer; ids of tool calls differ. May be empty. */
export function assistantParts(can: AssistantCapabilities): fc.Arbitrary<AssistantPart[]> {
  const some = (part: fc.Arbitrary<AssistantPart>, max: number): fc.Arbitrary<AssistantPart[]> => fc.array(part, { maxLength: max });
  const signatures = fc.record({ by: fc.constantFrom(...can.signers), value: BASE64 });
  const thinking = fc.record({ type: fc.constant('thinking' as const), text: texts(), signature: demanded(can.thinkingSignatures, signatures) });
  const redacted = signatures.map((data) => ({ type: 'redacted_thinking' as const, data }));
  const said = fc.oneof(
    { weight: 5, arbitrary: some(texts().map((text) => ({ type: 'text' as const, text })), can.assistantTexts) },
    { weight: can.refusals ? 1 : 0, arbitrary: some(texts().map((text) => ({ type: 'refusal' as const, text })), can.assistantTexts) },
  );
  const calls = can.tools ? fc.uniqueArray(toolCalls(can), { selector: (call) => call.id, maxLength: 3 }) : fc.constant([]);
  const inOrder = fc.tuple(can.thinking ? some(thinking, can.assistantTexts) : fc.constant([]), can.redactedThinking ? some(redacted, 1) : fc.constant([]), said, calls).map((groups): AssistantPart[] => groups.flat());
  return can.freeOrder ? inOrder.chain((parts) => fc.shuffledSubarray(parts, { minLength: parts.length })) : inOrder;
}

/** A user speaks, the assistant answers, tools are called and answered: one exchange or several turns of it. */
function exchanges(can: ConversationCapabilities): fc.Arbitrary<Turn[]> {
  const spoken = can.adjacentTexts ? fc.array(userParts(can), { minLength: 1, maxLength: 3 }) : userParts(can).map((part) => [part]);
  const assistant = assistantParts(can).filter((parts) => parts.length > 0);
  const answered = assistant.chain((parts): fc.Arbitrary<Turn[]> => {
    const calls = parts.filter((part) => part.type === 'tool_call');
    const turn: Turn = { role: 'assistant', parts };
    if (calls.length === 0) return fc.constant([turn]);
    const results = fc.tuple(...calls.map((call) => toolResults(can, call.id)));
    const more = can.mixedToolTurns ? fc.oneof(fc.constant<UserPart[]>([]), spoken) : fc.constant<UserPart[]>([]);
    return fc.tuple(results, more).map(([answers, rest]) => [turn, { role: 'user', parts: [...answers, ...rest] }]);
  });
  const system: fc.Arbitrary<Turn[]> = can.midSystem ? fc.array(fc.array(textParts(can), { minLength: 1, maxLength: can.systemParts }).map((parts) => ({ role: 'system' as const, parts })), { maxLength: 1 }) : fc.constant([]);
  const again = can.consecutiveTurns ? fc.array(spoken, { minLength: 1, maxLength: 2 }) : spoken.map((parts) => [parts]);
  return fc.tuple(again, system, answered).map(([said, instructions, answer]) => [...said.map((parts): Turn => ({ role: 'user', parts })), ...instructions, ...answer]);
}

const userParts = (can: ConversationCapabilities): fc.Arbitrary<UserPart> =>
  fc.oneof({ weight: 4, arbitrary: textParts(can) as fc.Arbitrary<UserPart> }, { weight: can.images ? 1 : 0, arbitrary: imageParts(can) }, { weight: can.documents ? 1 : 0, arbitrary: documentParts(can) });

/** Ends with the user where turns must alternate; begins with the user always, for leading instructions are `system`. */
function turns(can: ConversationCapabilities): fc.Arbitrary<Turn[]> {
  const last = userParts(can).map((part): Turn => ({ role: 'user', parts: [part] }));
  return fc.tuple(fc.array(exchanges(can), { maxLength: 3 }), last).map(([before, question]) => {
    const all = before.flat();
    return can.consecutiveTurns || all.at(-1)?.role !== 'user' ? [...all, question] : all;
  }).map((all) => (can.consecutiveTurns ? all : alternating(all)));
}

/** Leaves out turns that follow one of their own role. */
const alternating = (all: readonly Turn[]): Turn[] => {
  const kept: Turn[] = [];
  for (const turn of all) if (kept.at(-1)?.role !== turn.role) kept.push(turn);
  return kept;
};

function toolLists(can: ConversationCapabilities): fc.Arbitrary<Tool[]> {
  if (!can.tools) return fc.constant([]);
  const tool = cacheable(can, fc.record({ name: names(), description: fc.option(texts(), { nil: null }), parameters: fc.option(schemas(), { nil: null }), strict: when(can.strictTools, fc.boolean()) }));
  return fc.uniqueArray(tool, { selector: (one) => one.name, maxLength: 3 });
}

function outputs(can: ConversationCapabilities): fc.Arbitrary<OutputFormat> {
  const schema = fc.record({ kind: fc.constant('json_schema' as const), name: demanded(can.schemaNames, names()), description: when(can.schemaDescriptions, texts()), schema: schemas(), strict: when(can.strictSchemas, fc.boolean()) });
  return fc.oneof(fc.constant({ kind: 'text' as const }), ...(can.json ? [fc.constant({ kind: 'json' as const })] : []), ...(can.jsonSchema ? [schema] : []));
}

function reasonings(can: ConversationCapabilities): fc.Arbitrary<Reasoning | null> {
  if (!can.reasoning) return fc.constant(null);
  const on = { enabled: true, effort: null, budgetTokens: null };
  return fc.oneof(
    fc.constant(null),
    ...(can.reasoningOff ? [fc.constant({ ...on, enabled: false })] : []),
    ...(can.bareReasoning ? [fc.constant(on)] : []),
    ...(can.efforts.length > 0 ? [fc.constantFrom(...can.efforts).map((effort) => ({ ...on, effort }))] : []),
    ...(can.budgetTokens ? [fc.integer({ min: 1024, max: 32_000 }).map((budgetTokens) => ({ ...on, budgetTokens }))] : []),
  );
}

/** Hundredths: numbers that JSON carries exactly. */
const hundredths = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min: min * 100, max: max * 100 }).map((value) => (value === 0 ? 0 : value / 100));

/** Conversations that a protocol of these capabilities can say: what it encodes decodes to the same. */
export function conversations(capabilities: Partial<ConversationCapabilities> = {}): fc.Arbitrary<Conversation> {
  const can = { ...EVERYTHING, ...capabilities };
  const scalars = fc.record({
    model: names(),
    system: fc.array(textParts(can), { maxLength: can.systemParts }),
    turns: turns(can),
    tools: toolLists(can),
    maxOutputTokens: demanded(can.maxOutputTokens, fc.integer({ min: 1, max: 128_000 })),
    temperature: fc.option(hundredths(0, can.maxTemperature), { nil: null }),
    topP: fc.option(hundredths(0, 1), { nil: null }),
    topK: when(can.topK, fc.integer({ min: 1, max: 500 })),
    stop: fc.uniqueArray(texts(), { maxLength: can.stopSequences }),
    seed: when(can.seed, fc.integer({ min: -2_147_483_648, max: 2_147_483_647 })),
    presencePenalty: when(can.penalties, hundredths(-2, 2)),
    frequencyPenalty: when(can.penalties, hundredths(-2, 2)),
    candidates: can.candidates ? fc.integer({ min: 1, max: 4 }) : fc.constant(1),
    logprobs: when(can.logprobs, fc.integer({ min: 0, max: 5 }).map((top) => ({ top }))),
    output: outputs(can),
    reasoning: reasonings(can),
    endUser: when(can.endUser, ids()),
    stream: fc.boolean(),
  });
  return scalars.chain((rest) => {
    if (rest.tools.length === 0) return fc.constant({ ...rest, toolChoice: null, parallelTools: null });
    const choice: fc.Arbitrary<ToolChoice> = fc.oneof(fc.constantFrom('auto' as const, 'none' as const, 'required' as const).map((kind) => ({ kind })), fc.constantFrom(...rest.tools).map(({ name }) => ({ kind: 'tool' as const, name })));
    return fc.record({ toolChoice: when(can.toolChoice, choice), parallelTools: when(can.parallelTools, fc.boolean()) }).map((chosen) => ({ ...rest, ...chosen }));
  });
}
