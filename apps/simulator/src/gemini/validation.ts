import { type z } from 'zod';
import { type Finding, type Path, expectedIn, firstFinding } from '../http/issues.js';
import { snake } from './camel-case.js';
import { type GeminiError, badField, badRequest } from './errors.js';

/** Parses a body or refuses it in Google's words, with the field at fault. */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw refusalOf(firstFinding(result.error, body));
}

const TYPES: Readonly<Record<string, string>> = { string: 'TYPE_STRING', number: 'TYPE_FLOAT', int: 'TYPE_INT32', boolean: 'TYPE_BOOL' };
const MESSAGE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.GenerateContentRequest';

/** `contents[0].parts[1].function_call`: Google names fields in snake case. */
export const fieldOf = (path: Path): string => path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${snake(String(key))}`)).join('');

function refusalOf({ issue, path, value }: Finding): GeminiError {
  const field = fieldOf(path);
  const required = (): GeminiError => badRequest(`* GenerateContentRequest.${field}: required field is missing\n`);
  const invalid = (type: string): GeminiError => badField(field, `Invalid value at '${field}' (${type}), ${JSON.stringify(value)?.slice(0, 200)}`);
  if (issue.code === 'unrecognized_keys') {
    const name = snake(issue.keys[0] as string);
    return badField(field, `Invalid JSON payload received. Unknown name "${name}"${field === '' ? '' : ` at '${field}'`}: Cannot find field.`);
  }
  if (value === undefined && issue.code !== 'custom') return required();
  switch (issue.code) {
    case 'invalid_type': return invalid(TYPES[issue.expected] ?? MESSAGE);
    case 'invalid_union': return invalid(TYPES[expectedIn(issue).options[0] ?? ''] ?? MESSAGE);
    case 'invalid_value': return invalid(MESSAGE);
    case 'too_small':
    case 'too_big':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom': return badRequest(`* GenerateContentRequest.${field}: ${issue.message}\n`);
  }
}
