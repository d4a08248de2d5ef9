import { type z } from 'zod';
import { type Finding, expectedIn, firstFinding } from '../http/issues.js';
import { type AnthropicError, badRequest } from './errors.js';

/** Parses a body or refuses it in Anthropic's words: `messages.0.content: Input should be a valid list`. */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw refusalOf(firstFinding(result.error, body));
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'string', number: 'number', int: 'integer', boolean: 'boolean', array: 'list', object: 'dictionary', record: 'dictionary',
};

const noun = (type: string): string => NOUNS[type] ?? type;

function refusalOf({ issue, path, value }: Finding): AnthropicError {
  const where = path.map(String).join('.') || 'body';
  const say = (message: string): AnthropicError => badRequest(`${where}: ${message}`);
  if (value === undefined && issue.code !== 'unrecognized_keys' && issue.code !== 'custom') return say('Field required');
  switch (issue.code) {
    case 'invalid_type': return say(`Input should be a valid ${noun(issue.expected)}`);
    case 'invalid_value': return say(`Input should be ${listed(issue.values.map((one) => `'${String(one)}'`), 'or')}`);
    case 'invalid_union': {
      const { tag, options } = expectedIn(issue);
      if (tag === null) return say(`Input should be a valid ${options.map(noun).join(' or ') || 'dictionary'}`);
      const found = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[tag] : value;
      if (found === undefined) return badRequest(`${where}.${tag}: Field required`);
      return badRequest(`${where.endsWith(`.${tag}`) ? where.slice(0, -tag.length - 1) : where}: Input tag '${String(found)}' found using '${tag}' does not match any of the expected tags: ${options.map((option) => `'${option}'`).join(', ')}`);
    }
    case 'unrecognized_keys': return badRequest(`${[...path, issue.keys[0] as string].map(String).join('.')}: Extra inputs are not permitted`);
    case 'too_small': return say(bound(issue.origin, issue.minimum, 'at least', 'greater than or equal to', value));
    case 'too_big': return say(bound(issue.origin, issue.maximum, 'at most', 'less than or equal to', value));
    case 'invalid_format': return say(`String should match pattern '${issue.pattern?.replace(/^\/|\/$/g, '') ?? issue.format}'`);
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom': return say(issue.message);
  }
}

function bound(origin: string, limit: number | bigint, size: string, value: string, given: unknown): string {
  if (origin === 'array') return `List should have ${size} ${limit} item${limit === 1 ? '' : 's'} after validation, not ${Array.isArray(given) ? given.length : 0}`;
  if (origin === 'string') return `String should have ${size} ${limit} character${limit === 1 ? '' : 's'}`;
  return `Input should be ${value} ${limit}`;
}

const listed = (items: readonly string[], word: string): string => (items.length > 1 ? `${items.slice(0, -1).join(', ')} ${word} ${items.at(-1)}` : (items[0] ?? ''));
