import { type Fields, isFields, isPresent } from '@apex/common';

/** How deep a schema may nest where it has to be read. */
const MAX_DEPTH = 64;

/** What of JSON Schema Gemini holds an answer to (ai.google.dev/api/generate-content, `GenerationConfig.responseJsonSchema`). */
const ENFORCED: ReadonlySet<string> = new Set([
  '$id', '$defs', '$ref', '$anchor', 'type', 'format', 'title', 'description', 'enum', 'items', 'prefixItems', 'minItems', 'maxItems',
  'minimum', 'maximum', 'anyOf', 'oneOf', 'properties', 'additionalProperties', 'required', 'propertyOrdering',
]);

/** Keywords that constrain nothing (JSON Schema 2020-12, "Meta-Data Annotations" and the core's comments). */
const ANNOTATIONS: ReadonlySet<string> = new Set(['$schema', '$comment', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', 'contentMediaType', 'contentEncoding']);

export interface EnforcedSchema {
  /** The schema in Gemini's words: `const` is an `enum` of one, which means the same. */
  readonly schema: Fields;
  /** Where it asks for what Gemini would not hold the answer to: `properties.age.multipleOf`. */
  readonly unenforced: readonly string[];
}

/**
 * A schema that was promised to be kept. Gemini takes any JSON Schema and passes over what it does not know, which is fine
 * where the schema is advice and not where a caller counts on it.
 */
export function enforcedSchema(schema: Fields): EnforcedSchema {
  const unenforced: string[] = [];
  return { schema: enforce(schema, '', 0, unenforced), unenforced };
}

function enforce(schema: Fields, path: string, depth: number, unenforced: string[]): Fields {
  if (depth > MAX_DEPTH) {
    unenforced.push(path);
    return schema;
  }
  const within = (value: unknown, where: string): unknown => (isFields(value) ? enforce(value, where, depth + 1, unenforced) : value);
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    const where = path === '' ? key : `${path}.${key}`;
    if (key === 'const' && (typeof value === 'string' || typeof value === 'number') && !isPresent(schema['enum'])) return ['enum', [value]];
    if (!ENFORCED.has(key) && !ANNOTATIONS.has(key)) unenforced.push(where);
    if ((key === 'properties' || key === '$defs') && isFields(value)) return [key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, within(one, `${where}.${name}`)]))];
    if ((key === 'anyOf' || key === 'oneOf' || key === 'prefixItems') && Array.isArray(value)) return [key, value.map((one, index) => within(one, `${where}[${index}]`))];
    if (key === 'items' || key === 'additionalProperties') return [key, within(value, where)];
    return [key, value];
  });
  return Object.fromEntries(entries);
}

const COUNTS: ReadonlySet<string> = new Set(['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties']);

/**
 * The older way to give a schema, `Schema` (OpenAPI 3.0.3's, types in capitals, int64 as text), as JSON Schema. Null: it
 * nests too deep.
 */
export function fromOpenApiSchema(schema: Fields, depth = 0): Fields | null {
  if (depth > MAX_DEPTH) return null;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!isPresent(value) || key === 'nullable') continue;
    const translated = member(key, value, depth);
    if (translated === null) return null;
    for (const [name, said] of translated) Object.defineProperty(out, name, { value: said, enumerable: true, configurable: true, writable: true });
  }
  return schema['nullable'] === true ? nullable(out) : out;
}

type Members = readonly (readonly [string, unknown])[];

function member(key: string, value: unknown, depth: number): Members | null {
  const inner = (one: unknown): unknown => (isFields(one) ? fromOpenApiSchema(one, depth + 1) : one);
  if (key === 'type') return value === 'TYPE_UNSPECIFIED' ? [] : [[key, typeof value === 'string' ? value.toLowerCase() : value]];
  if (key === 'format' && value === 'enum') return [];
  if (key === 'example') return [['examples', [value]]];
  if (COUNTS.has(key)) return [[key, typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value]];
  if (key === 'items') return whole([[key, inner(value)]]);
  if (key === 'anyOf' && Array.isArray(value)) {
    const all = value.map(inner);
    return all.includes(null) ? null : [[key, all]];
  }
  if (key === 'properties' && isFields(value)) {
    const all = Object.entries(value).map(([name, one]) => [name, inner(one)] as const);
    return all.some(([, one]) => one === null) ? null : [[key, Object.fromEntries(all)]];
  }
  return [[key, value]];
}

const whole = (members: Members): Members | null => (members.some(([, value]) => value === null) ? null : members);

function nullable(schema: Fields): Fields {
  const { type, enum: values } = schema;
  const enumerated = Array.isArray(values) ? { enum: [...(values as unknown[]), null] } : {};
  if (typeof type === 'string') return { ...schema, type: [type, 'null'], ...enumerated };
  return { anyOf: [schema, { type: 'null' }] };
}
