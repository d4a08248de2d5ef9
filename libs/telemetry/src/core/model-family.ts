/**
 * Families of models, told by a name's words: few enough to be a label, and nothing that a caller wrote is in them.
 * The first that fits counts.
 */
const FAMILIES: readonly (readonly [family: string, pattern: RegExp])[] = [
  ['embedding', /embed|(?:^|[/-])(?:bge|gte|e5)-|voyage/],
  ['gpt-oss', /gpt-oss/],
  ['gpt-5', /gpt-5/],
  ['gpt-4.1', /gpt-4\.1/],
  ['gpt-4o', /gpt-4o/],
  ['gpt-4', /gpt-4/],
  ['gpt-3.5', /gpt-3\.5/],
  ['openai-o', /(?:^|\/)o[1-9](?:-|$)/],
  ['claude-opus', /claude.*opus/],
  ['claude-sonnet', /claude.*sonnet/],
  ['claude-haiku', /claude.*haiku/],
  ['claude', /claude/],
  ['gemini-pro', /gemini.*pro/],
  ['gemini-flash', /gemini.*flash/],
  ['gemini', /gemini/],
  ['gemma', /gemma/],
  ['deepseek', /deepseek/],
  ['llama', /llama/],
  ['mistral', /mi[sx]tral|codestral|magistral|devstral|ministral|pixtral/],
  ['qwen', /qwen|qwq/],
  ['grok', /grok/],
  ['command', /command/],
  ['kimi', /kimi|moonshot/],
  ['glm', /glm/],
  ['nova', /nova-/],
  ['phi', /(?:^|[/-])phi/],
];

export const OTHER_FAMILY = 'other';
export const NO_FAMILY = 'none';

/** Names come from callers: what was looked up is kept only up to here, and begun anew then. */
const MAX_KNOWN = 1_000;
const known = new Map<string, string>();

/** The family of a model, as a label. */
export function modelFamily(model: string | null): string {
  if (model === null) return NO_FAMILY;
  const family = known.get(model);
  return family ?? look(model);
}

function look(model: string): string {
  const name = model.slice(0, 128).toLowerCase();
  const family = FAMILIES.find(([, pattern]) => pattern.test(name))?.[0] ?? OTHER_FAMILY;
  if (known.size >= MAX_KNOWN) known.clear();
  // A name longer than any model's is looked up each time: it is not worth its memory.
  if (model.length <= 128) known.set(model, family);
  return family;
}

/** Every value that `modelFamily` can have. */
export const MODEL_FAMILIES: readonly string[] = [...FAMILIES.map(([family]) => family), OTHER_FAMILY, NO_FAMILY];
