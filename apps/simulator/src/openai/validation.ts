import { z } from 'zod';
import { type OpenAiError, badRequest } from './errors.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Parses a body or refuses it in OpenAI's words, with the parameter at fault. */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw refusalOf(result.error.issues[0] as Issue, body, []);
}

const INTEGER = 'an integer';

/** A whole number. zod calls what is no number at all wrong for a decimal; OpenAI says what it wanted. */
export const integer = (): z.ZodInt => z.int(INTEGER);

const NOUNS: Readonly<Record<string, string>> = {
  string: 'a string', number: 'a decimal', boolean: 'a boolean', array: 'an array', object: 'an object', record: 'an object', null: 'null',
};

function refusalOf(issue: Issue, body: unknown, base: Path): OpenAiError {
  const path = [...base, ...issue.path];
  const value = valueAt(body, path);
  const param = nameOf(path);
  const missing = value === undefined && issue.code !== 'custom';
  if (missing && path.length > 0) return badRequest(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
  switch (issue.code) {
    case 'invalid_type': return wrongType(param, issue.message === INTEGER ? INTEGER : (NOUNS[issue.expected] ?? issue.expected), value);
    case 'invalid_value': return unsupported(param, issue.values.map(String), value);
    case 'invalid_union': return unionRefusal(issue, body, path);
    case 'too_small':
    case 'too_big': return outOfBounds(issue, param, value);
    case 'invalid_format': return badRequest(`Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '${issue.pattern ?? issue.format}'.`, param, 'invalid_value');
    case 'unrecognized_keys': {
      const unknown = nameOf([...path, issue.keys[0] as string]);
      return badRequest(`Unknown parameter: '${unknown}'.`, unknown, 'unknown_parameter');
    }
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom': return badRequest(issue.message, param, 'invalid_value');
  }
}

/** The branch that got further than its own type tells what is wrong; otherwise all types are listed. */
function unionRefusal(issue: z.core.$ZodIssueInvalidUnion, body: unknown, path: Path): OpenAiError {
  const value = valueAt(body, path);
  const firsts = issue.errors.flatMap((branch) => branch.slice(0, 1));
  if (firsts.length === 0) {
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    return typeof value === 'string' ? unsupported(nameOf(path), options, value) : wrongType(nameOf(path), 'a string', value);
  }
  const deeper = firsts.find((first) => first.code !== 'invalid_type' || first.path.length > 0);
  if (deeper) return refusalOf(deeper, body, path);
  const types = firsts.map((first) => (first.code === 'invalid_type' ? NOUNS[first.expected] ?? first.expected : '').replace(/^an? /, ''));
  return wrongType(nameOf(path), `one of ${withArticle(types.join(' or '))}`, value);
}

function outOfBounds(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, param: string, value: unknown): OpenAiError {
  const small = issue.code === 'too_small';
  const bound = String(small ? issue.minimum : issue.maximum);
  if (issue.origin === 'array') {
    const length = Array.isArray(value) ? value.length : 0;
    const got = length === 0 ? 'an empty array' : `an array with length ${length}`;
    return badRequest(`Invalid '${param}': ${small ? (length === 0 ? 'empty array' : 'array too short') : 'array too long'}. Expected an array with ${small ? 'minimum' : 'maximum'} length ${bound}, but got ${got} instead.`, param, small ? (length === 0 ? 'empty_array' : 'array_below_min_length') : 'array_above_max_length');
  }
  if (issue.origin === 'string') {
    const length = typeof value === 'string' ? value.length : 0;
    return badRequest(`Invalid '${param}': ${small ? 'empty string' : 'string too long'}. Expected a string with ${small ? 'minimum' : 'maximum'} length ${bound}, but got a string with length ${length} instead.`, param, small ? 'empty_string' : 'string_above_max_length');
  }
  const noun = Number.isInteger(value) ? 'integer' : 'decimal';
  return badRequest(`Invalid '${param}': ${noun} ${small ? 'below minimum' : 'above maximum'} value. Expected a value ${small ? '>=' : '<='} ${bound}, but got ${String(value)} instead.`, param, `${noun}_${small ? 'below_min' : 'above_max'}_value`);
}

const unsupported = (param: string, options: readonly string[], value: unknown): OpenAiError => {
  const quoted = options.map((option) => `'${option}'`);
  const listed = quoted.length > 1 ? `${quoted.slice(0, -1).join(', ')}, and ${quoted.at(-1)}` : (quoted[0] ?? '');
  return badRequest(`Invalid value: ${typeof value === 'string' ? `'${value.slice(0, 100)}'` : JSON.stringify(value)?.slice(0, 100)}. Supported values are: ${listed}.`, param, 'invalid_value');
};

const wrongType = (param: string, expected: string, value: unknown): OpenAiError => badRequest(`Invalid type for '${param}': expected ${expected}, but got ${typeName(value)} instead.`, param, 'invalid_type');

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return withArticle(typeof value);
}

const withArticle = (noun: string): string => `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun}`;

const valueAt = (body: unknown, path: Path): unknown => path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined), body);

/** `messages[0].content`; the body itself has no name. */
const nameOf = (path: Path): string => path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`)).join('') || 'body';
