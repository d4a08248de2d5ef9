import { type ApexError, invalid } from '@apex/common';
import { type z } from 'zod';

/** More than this many issues tell a caller nothing new, and an array of a million wrong items must not be echoed. */
const MOST_ISSUES = 10;

/**
 * What is wrong with a caller's input: 400 `invalid_request`, `param` the first wrong field (dotted).
 * @param name what the value is called when the schema is about one value, not an object
 */
export function invalidInput(error: z.ZodError, name?: string): ApexError {
  const issues = error.issues.slice(0, MOST_ISSUES).map((issue) => ({ param: [...(name ? [name] : []), ...issue.path.map(String)].join('.') || null, message: issue.message }));
  const first = issues[0];
  const message = first ? `${first.param ? `${first.param}: ` : ''}${first.message}` : 'The request is not valid.';
  return invalid(message, first?.param ?? undefined, issues.length > 1 ? { issues } : undefined);
}
