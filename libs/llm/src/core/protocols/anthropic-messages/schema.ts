import { type Fields, isFields } from '@apex/common';

/** How deep a schema may nest where it has to be read. */
const MAX_DEPTH = 64;

/** Limits that no answer is held to, and that are refused where there are: structured outputs, "JSON Schema limitations". */
const LIMITS: ReadonlySet<string> = new Set(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'maxItems', 'uniqueItems']);

const SCHEMAS_BY_NAME: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions']);
const LISTS_OF_SCHEMAS: ReadonlySet<string> = new Set(['anyOf', 'allOf', 'oneOf']);

export interface ClosedSchema {
  readonly schema: Fields;
  /** Where it asks for what an answer is not held to: `properties.age.minimum`. In the schema these are told in words. */
  readonly unenforced: readonly string[];
  /** Where it leaves an object open, which has no words here: `properties.labels`. */
  readonly open: readonly string[];
}

/**
 * A schema in the form that structured outputs and strict tools take
 * (platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations): objects are closed, and
 * limits of numbers, lengths and counts stand in the description, where the model reads them, as Anthropic's SDKs put
 * them. An object that does not say whether it is open is closed: what it then holds is what the schema allows. The
 * bounds that zod gives to every whole number are left out: beyond them JSON has no exact numbers anyway.
 */
export function closedSchema(schema: Fields): ClosedSchema {
  const unenforced: string[] = [];
  const open: string[] = [];
  return { schema: close(schema, '', 0, unenforced, open), unenforced, open };
}

function close(schema: Fields, path: string, depth: number, unenforced: string[], open: string[]): Fields {
  if (depth > MAX_DEPTH) {
    unenforced.push(path);
    return schema;
  }
  const within = (value: unknown, where: string): unknown => (isFields(value) ? close(value, where, depth + 1, unenforced, open) : value);
  const said: string[] = [];
  const closed: [string, unknown][] = [];
  for (const [key, value] of Object.entries(schema)) {
    const where = path === '' ? key : `${path}.${key}`;
    if (LIMITS.has(key) || (key === 'minItems' && value !== 0 && value !== 1)) {
      if (isNoLimit(key, value)) continue;
      unenforced.push(where);
      said.push(`${key}: ${JSON.stringify(value)}`);
    } else if (SCHEMAS_BY_NAME.has(key) && isFields(value)) closed.push([key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, within(one, `${where}.${name}`)]))]);
    else if (LISTS_OF_SCHEMAS.has(key) && Array.isArray(value)) closed.push([key, value.map((one, index) => within(one, `${where}[${index}]`))]);
    else closed.push([key, key === 'items' ? within(value, where) : value]);
  }
  if (schema['type'] === 'object' && schema['additionalProperties'] !== false) {
    if (schema['additionalProperties'] === undefined && isFields(schema['properties'])) closed.push(['additionalProperties', false]);
    else open.push(path);
  }
  const whole = Object.fromEntries(closed);
  if (said.length === 0) return whole;
  const description = whole['description'];
  return { ...whole, description: `${typeof description === 'string' ? `${description}\n\n` : ''}{${said.join(', ')}}` };
}

const isNoLimit = (key: string, value: unknown): boolean =>
  typeof value === 'number' && ((key === 'minimum' && value <= Number.MIN_SAFE_INTEGER) || (key === 'maximum' && value >= Number.MAX_SAFE_INTEGER));
