import { readAnthropicUsage, readOpenAiUsage } from '@apex/llm';
import { NO_TOKENS, type TokenUsage } from '@apex/usage';

/** One call to a model as a log tells it. */
export interface LoggedCall {
  /** Unix ms; null: the log does not say, and calls count as made one after the other. */
  readonly at: number | null;
  /** As the price catalogue calls it. */
  readonly provider: string;
  readonly model: string;
  /** What was asked: messages, tools and format, as they were sent. */
  readonly prompt: string;
  /** Everything else that shapes the answer. */
  readonly settings: string;
  /** Temperature 0 or a seed: the same answer is expected each time. */
  readonly deterministic: boolean;
  readonly usage: TokenUsage;
  /** It was answered, in full. */
  readonly ok: boolean;
  /** What was said first: calls of one conversation are not independent of each other. */
  readonly conversation: string;
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const fields = (value: unknown): Fields => (isFields(value) ? value : typeof value === 'string' && value.startsWith('{') ? parsed(value) : {});
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

function parsed(json: string): Fields {
  try {
    const value: unknown = JSON.parse(json);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

/** What a format's line gives of a call, before it is put together. */
interface Parts {
  readonly request: Fields;
  readonly usage: TokenUsage | null;
  readonly at: unknown;
  readonly provider: string | null;
  readonly ok: boolean;
  readonly session: string | null;
}

/** Each looks for members that only its own format has. */
const formats: ReadonlyArray<readonly [name: string, read: (line: Fields) => Parts | null]> = [
  // https://docs.helicone.ai/features/advanced-usage/export
  [
    'Helicone',
    (line) => {
      if (line['request_body'] === undefined) return null;
      const response = fields(line['response_body']);
      const status = line['response_status'];
      return { request: fields(line['request_body']), usage: usageOf(response['usage']), at: line['request_created_at'], provider: text(line['provider']), ok: status === undefined || status === 200, session: text(line['session_id']) };
    },
  ],
  // https://docs.litellm.ai/docs/proxy/logging_spec
  [
    'LiteLLM',
    (line) => {
      if (line['call_type'] === undefined && line['custom_llm_provider'] === undefined) return null;
      const request = { ...fields(line['model_parameters']), model: line['model'], messages: line['messages'] };
      return { request, usage: usageOf({ ...line, ...fields(fields(line['response'])['usage']) }), at: line['startTime'], provider: text(line['custom_llm_provider']), ok: line['status'] !== 'failure', session: text(line['trace_id']) };
    },
  ],
  // https://api.reference.langfuse.com, observations
  [
    'Langfuse',
    (line) => {
      if (line['traceId'] === undefined && line['type'] !== 'GENERATION') return null;
      const { input } = line;
      const messages = isFields(input) ? input['messages'] : input;
      const details = { ...fields(line['usage']), ...fields(line['usageDetails']) };
      const usage = usageOf({ prompt_tokens: details['input'], completion_tokens: details['output'], prompt_tokens_details: { cached_tokens: details['input_cached_tokens'] ?? 0 } });
      return { request: { ...fields(line['modelParameters']), ...fields(input), model: line['model'], messages }, usage, at: line['startTime'], provider: null, ok: line['level'] !== 'ERROR', session: text(line['sessionId']) ?? text(line['traceId']) };
    },
  ],
  // Pairs of OpenAI's or Anthropic's bodies, the batch API's lines, or one object with both.
  [
    'OpenAI',
    (line) => {
      const request = isFields(line['request']) ? line['request'] : isFields(line['body']) ? line['body'] : line;
      if (request['model'] === undefined) return null;
      const response = fields(line['response']);
      const answer = isFields(response['body']) ? response['body'] : isFields(line['response']) ? response : line;
      return { request, usage: usageOf(answer['usage'] ?? line['usage']), at: line['timestamp'] ?? line['created_at'] ?? line['created'] ?? answer['created'], provider: text(line['provider']), ok: answer['error'] === undefined, session: text(line['session']) ?? text(line['session_id']) };
    },
  ],
];

export type Reading = { readonly ok: true; readonly format: string; readonly call: LoggedCall } | { readonly ok: false; readonly reason: 'unknown_format' | 'no_usage' };

/** Reads a line of a log, of whatever format it is. */
export function readCall(line: unknown): Reading {
  if (!isFields(line)) return { ok: false, reason: 'unknown_format' };
  for (const [format, read] of formats) {
    const parts = read(line);
    if (parts === null) continue;
    const model = text(parts.request['model']);
    if (model === null) return { ok: false, reason: 'unknown_format' };
    if (parts.usage === null) return { ok: false, reason: 'no_usage' };
    return { ok: true, format, call: put(parts, model, parts.usage) };
  }
  return { ok: false, reason: 'unknown_format' };
}

/** Members of a request that are its prompt; the others are settings. */
const PROMPT = ['tools', 'functions', 'response_format', 'system', 'instructions', 'messages', 'input', 'prompt'] as const;
/** They name who asks or how the answer comes, and change nothing of it. */
const SILENT = new Set(['model', 'user', 'metadata', 'stream', 'stream_options', 'store', ...PROMPT]);
/** What a log that holds request and answer in one object says of the answer and of itself. */
const OF_THE_LOG = new Set(['id', 'object', 'created', 'created_at', 'timestamp', 'usage', 'choices', 'content', 'output', 'response', 'error', 'provider', 'session', 'session_id', 'system_fingerprint', 'stop_reason']);

function put({ request, at, provider, ok, session }: Parts, model: string, usage: TokenUsage): LoggedCall {
  const settings = Object.entries(request).filter(([name]) => !SILENT.has(name) && !OF_THE_LOG.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  const messages = request['messages'] ?? request['input'] ?? request['prompt'];
  const first: unknown = Array.isArray(messages) ? (messages.find((message) => isFields(message) && message['role'] === 'user') ?? messages[0]) : messages;
  const slash = model.indexOf('/');
  return {
    at: timeOf(at),
    provider: provider?.toLowerCase() ?? (slash > 0 ? model.slice(0, slash) : guessProvider(model)),
    model: slash > 0 ? model.slice(slash + 1) : model,
    prompt: JSON.stringify(PROMPT.map((name) => request[name] ?? null)),
    settings: JSON.stringify(settings),
    deterministic: request['temperature'] === 0 || typeof request['seed'] === 'number',
    usage,
    ok,
    conversation: session ?? JSON.stringify(first ?? null),
  };
}

const guessProvider = (model: string): string => (model.startsWith('claude') ? 'anthropic' : model.startsWith('gemini') ? 'google' : 'openai');

function usageOf(value: unknown): TokenUsage | null {
  if (!isFields(value)) return null;
  const usage = value['input_tokens'] !== undefined && value['prompt_tokens'] === undefined ? readAnthropicUsage(value) : readOpenAiUsage(value);
  return usage === null || (usage.promptTokens === 0 && usage.completionTokens === 0) ? null : { ...NO_TOKENS, ...usage };
}

function timeOf(value: unknown): number | null {
  if (typeof value === 'number' && Number.isFinite(value)) return value < 1e11 ? value * 1_000 : value;
  if (typeof value !== 'string') return null;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? null : ms;
}
