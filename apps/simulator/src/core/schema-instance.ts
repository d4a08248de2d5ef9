import { writePhrase } from './prose.js';
import { type Random, between, pick } from './random.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Schema = Readonly<Record<string, unknown>>;

const DEEP = 4;
const DEEPEST = 24;

/**
 * A value that satisfies a JSON Schema, as far as OpenAI's structured outputs go: object, array, string (length and
 * the usual formats), number, integer (bounds, multipleOf), boolean, null, type lists, enum, const, anyOf, oneOf, allOf,
 * $ref into the same document, recursion. `pattern` is not solved: the string is then only of the right length.
 */
export function instanceOf(root: unknown, random: Random): Json {
  return new Instance(isSchema(root) ? root : {}, random).of(root, 0);
}

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);
const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback);

class Instance {
  constructor(private readonly root: Schema, private readonly random: Random) {}

  of(candidate: unknown, depth: number): Json {
    if (!isSchema(candidate) || depth > DEEPEST) return candidate === true || candidate === undefined ? writePhrase(this.random, 3) : null;
    if (typeof candidate['$ref'] === 'string') return this.of(this.resolve(candidate['$ref']), depth + 1);
    if ('const' in candidate) return candidate['const'] as Json;
    if (Array.isArray(candidate['enum'])) return pick(this.random, candidate['enum'] as Json[]);
    const { anyOf, oneOf, allOf, ...own } = candidate;
    if (Array.isArray(allOf)) return this.of(allOf.reduce<Schema>((merged, part) => this.merge(merged, part), own), depth);
    const choices = Array.isArray(anyOf) ? anyOf : oneOf;
    if (Array.isArray(choices) && choices.length > 0) return this.of(this.merge(own, this.choose(choices, depth)), depth + 1);
    return this.typed(candidate, this.typeOf(candidate, depth), depth);
  }

  /** Deep down the branch that nests least, so that recursive schemas end. */
  private choose(choices: readonly unknown[], depth: number): unknown {
    if (depth <= DEEP) return pick(this.random, choices);
    return choices.reduce((best, choice) => (this.nesting(choice) < this.nesting(best) ? choice : best));
  }

  private nesting(candidate: unknown): number {
    if (!isSchema(candidate)) return 1;
    if ('const' in candidate || 'enum' in candidate) return 0;
    if ('$ref' in candidate) return 4;
    const type = this.typeOf(candidate, DEEPEST);
    return type === 'object' ? 3 : type === 'array' ? 2 : 0;
  }

  private typeOf(schema: Schema, depth: number): string {
    const type = schema['type'];
    if (typeof type === 'string') return type;
    if (Array.isArray(type)) return depth > DEEP && type.includes('null') ? 'null' : String(pick(this.random, type));
    if ('properties' in schema) return 'object';
    return 'items' in schema ? 'array' : 'string';
  }

  private typed(schema: Schema, type: string, depth: number): Json {
    switch (type) {
      case 'object': return this.object(schema, depth);
      case 'array': return this.array(schema, depth);
      case 'integer': return this.number(schema, 1);
      case 'number': return this.number(schema, null);
      case 'boolean': return this.random() < 0.5;
      case 'null': return null;
      default: return this.string(schema);
    }
  }

  private object(schema: Schema, depth: number): Json {
    const properties = isSchema(schema['properties']) ? schema['properties'] : {};
    const required = new Set(Array.isArray(schema['required']) ? schema['required'].map(String) : []);
    const names = [...new Set([...Object.keys(properties), ...required])].filter((name) => depth <= DEEP || required.has(name));
    return Object.fromEntries(names.map((name) => [name, this.of(properties[name], depth + 1)]));
  }

  private array(schema: Schema, depth: number): Json {
    const least = numberOr(schema['minItems'], 0);
    const most = numberOr(schema['maxItems'], Math.max(least, 3));
    const length = depth > DEEP ? least : between(this.random, Math.max(least, Math.min(1, most)), Math.max(least, Math.min(most, least + 3)));
    const fixed = Array.isArray(schema['prefixItems']) ? schema['prefixItems'] : [];
    return Array.from({ length }, (_, index) => this.of(fixed[index] ?? schema['items'], depth + 1));
  }

  private number(schema: Schema, unit: number | null): number {
    const step = numberOr(schema['multipleOf'], unit ?? 0.01);
    const above = numberOr(schema['exclusiveMinimum'], -Infinity);
    const below = numberOr(schema['exclusiveMaximum'], Infinity);
    const least = Math.max(numberOr(schema['minimum'], -Infinity), above);
    const most = Math.min(numberOr(schema['maximum'], Infinity), below);
    let from = Math.ceil((Number.isFinite(least) ? least : Math.min(1, most)) / step);
    let to = Math.floor((Number.isFinite(most) ? most : Math.max(100, from * step + 100)) / step);
    if (from * step <= above) from += 1;
    if (to * step >= below) to -= 1;
    if (to < from) return Number.isFinite(above) && Number.isFinite(below) ? (above + below) / 2 : least;
    return Number((between(this.random, from, to) * step).toFixed(10));
  }

  private string(schema: Schema): string {
    const format = FORMATS[String(schema['format'])];
    if (format) return format(this.random);
    const least = numberOr(schema['minLength'], 0);
    const most = numberOr(schema['maxLength'], Infinity);
    let text = writePhrase(this.random, between(this.random, 2, 6));
    while (text.length < least) text += ` ${writePhrase(this.random, 6)}`;
    return text.slice(0, most);
  }

  private resolve(pointer: string): unknown {
    const steps = pointer.replace(/^#\/?/, '').split('/').filter((step) => step !== '');
    return steps.reduce<unknown>((at, step) => (isSchema(at) ? at[step.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined), this.root);
  }

  private merge(base: Schema, added: unknown): Schema {
    const other = isSchema(added) && typeof added['$ref'] === 'string' ? this.resolve(added['$ref']) : added;
    if (!isSchema(other)) return base;
    const merged: Record<string, unknown> = { ...base, ...other };
    if (isSchema(base['properties']) && isSchema(other['properties'])) merged['properties'] = { ...base['properties'], ...other['properties'] };
    if (Array.isArray(base['required']) && Array.isArray(other['required'])) merged['required'] = [...new Set([...(base['required'] as unknown[]), ...(other['required'] as unknown[])])];
    return merged;
  }
}

const digits = (random: Random, count: number): string => Array.from({ length: count }, () => between(random, 0, 9)).join('');
const hex = (random: Random, count: number): string => Array.from({ length: count }, () => between(random, 0, 15).toString(16)).join('');
const twoDigits = (random: Random, low: number, high: number): string => String(between(random, low, high)).padStart(2, '0');
const date = (random: Random): string => `20${twoDigits(random, 20, 29)}-${twoDigits(random, 1, 12)}-${twoDigits(random, 1, 28)}`;
const time = (random: Random): string => `${twoDigits(random, 0, 23)}:${twoDigits(random, 0, 59)}:${twoDigits(random, 0, 59)}Z`;

const FORMATS: Readonly<Record<string, (random: Random) => string>> = {
  'date-time': (random) => `${date(random)}T${time(random)}`,
  date,
  time,
  duration: (random) => `P${between(random, 1, 30)}D`,
  email: (random) => `user${digits(random, 4)}@example.com`,
  hostname: (random) => `host${digits(random, 3)}.example.com`,
  ipv4: (random) => `192.0.2.${between(random, 1, 254)}`,
  ipv6: (random) => `2001:db8::${hex(random, 4)}`,
  uri: (random) => `https://example.com/${hex(random, 8)}`,
  uuid: (random) => `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`,
};
