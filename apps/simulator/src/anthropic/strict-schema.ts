import { badRequest } from './errors.js';

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Limits that structured outputs cannot keep, by the type they are of. */
const UNSUPPORTED: Readonly<Record<string, readonly string[]>> = {
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  string: ['minLength', 'maxLength'],
  array: ['maxItems', 'uniqueItems'],
};

/**
 * What structured outputs ask of a schema (platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema
 * limitations"): objects are closed by name, and there are no limits of numbers, lengths and counts. @throws AnthropicError
 */
export function checkStrictSchema(schema: unknown, where: string): void {
  if (!isSchema(schema)) return;
  const type = String(schema['type']);
  if (type === 'object' && schema['additionalProperties'] !== false) throw badRequest(`${where}: For 'object' type, 'additionalProperties' must be explicitly set to false`);
  const present = (UNSUPPORTED[type] ?? []).filter((name) => name in schema);
  if (present.length > 0) throw badRequest(`${where}: For '${type}' type, ${present.length > 1 ? 'properties' : 'property'} ${present.map((name) => `'${name}'`).join(', ')} ${present.length > 1 ? 'are' : 'is'} not supported`);
  if (type === 'array' && typeof schema['minItems'] === 'number' && schema['minItems'] > 1) throw badRequest(`${where}: For 'array' type, 'minItems' values other than 0 or 1 are not supported`);
  for (const group of ['properties', '$defs', 'definitions']) for (const part of isSchema(schema[group]) ? Object.values(schema[group]) : []) checkStrictSchema(part, where);
  for (const group of ['anyOf', 'allOf', 'oneOf']) for (const part of Array.isArray(schema[group]) ? (schema[group] as unknown[]) : []) checkStrictSchema(part, where);
  checkStrictSchema(schema['items'], where);
}
