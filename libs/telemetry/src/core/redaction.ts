const MASK = '[redacted]';
const OMITTED = '[omitted]';

/** Names of fields whose values are secrets, whatever they look like. Counts of tokens are not. */
const SECRET_FIELD = /authorization|cookie|api[-_]?key|secret|password|passwd|credential|private[-_]?key|encryption[-_]?key|(?:^|[-_a-z])token$|^(?:admin|access|refresh|id|bearer|session)Token$/i;

/** Names of fields that hold what people wrote and models answered. */
const CONTENT_FIELD = /^(?:raw)?body$|^(?:messages|prompt|input|output|content|choices|delta|arguments|embedding|parameters|query_?parameters)$/i;

const MAX_DEPTH = 6;
const MAX_ITEMS = 50;
const MAX_TEXT = 8_192;

/** Secrets by their looks, in any text: each pattern and what stays of it. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // Keys with a maker's prefix: Apex's own; OpenAI, Anthropic and Stripe, Groq, xAI, Hugging Face, GitHub, Slack; Google; AWS.
  [/\bapex_[A-Za-z0-9_-]{32,}/g, `apex_${MASK}`],
  [/\b(sk|rk|pk|gsk|xai|hf|whsec|ghp|gho|ghs|github_pat|xox[abprs])([-_])[A-Za-z0-9_-]{6,}/g, `$1$2${MASK}`],
  [/\bAIza[A-Za-z0-9_-]{10,}/g, `AIza${MASK}`],
  [/\bAKIA[A-Z0-9]{12,}/g, `AKIA${MASK}`],
  // JSON web tokens
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?/g, MASK],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${MASK}`],
  // scheme://user:password@host
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/:@"]*:[^\s/@"]+@/gi, `$1${MASK}@`],
  // name=value and "name":"value"
  [
    /\b([\w-]{0,40}(?:api[-_]?key|token|secret|password|passwd|authorization|cookie))(\\?["']?\s*[=:]\s*\\?["']?)(?!Bearer|Basic|\[redacted\])[^\s"'\\,;&}]{3,}/gi,
    `$1$2${MASK}`,
  ],
];

/** JSON.parse quotes what it could not read: a piece of somebody's body. */
const QUOTED_JSON = /Unexpected token [\s\S]*? is not valid JSON/g;

/** `text` without anything that looks like a secret. */
export function maskSecrets(text: string): string {
  let masked = text;
  for (const [pattern, replacement] of SECRETS) masked = masked.replace(pattern, replacement);
  return masked;
}

/**
 * A copy of what is about to be logged, without secrets and contents: fields are judged by their names, texts by
 * their looks, errors are reduced to type, message, code, stack and cause (drivers hang queries and parameters on
 * theirs). Bounded in depth and size; cycles end at the bound.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  return typeof value === 'object' && value !== null ? redactObject(value, depth) : value;
}

function redactText(text: string): string {
  const bounded = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}... (${text.length} characters)` : text;
  return maskSecrets(bounded.replace(QUOTED_JSON, 'Unexpected token: not valid JSON'));
}

function redactObject(value: object, depth: number): unknown {
  if (depth >= MAX_DEPTH) return OMITTED;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return OMITTED;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1));
  if (value instanceof Set) return redact([...value], depth);
  const entries = value instanceof Map ? [...value].map(([key, item]) => [String(key), item] as const) : Object.entries(value);
  return Object.fromEntries(entries.slice(0, MAX_ITEMS).map(([key, item]) => [maskSecrets(key), redactField(key, item, depth)]));
}

function redactField(key: string, value: unknown, depth: number): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value;
  if (SECRET_FIELD.test(key)) return MASK;
  if (CONTENT_FIELD.test(key)) return OMITTED;
  return redact(value, depth + 1);
}

function redactError(error: Error, depth: number): unknown {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return {
    type: error.name,
    message: redact(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: redact(error.stack) }),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}
