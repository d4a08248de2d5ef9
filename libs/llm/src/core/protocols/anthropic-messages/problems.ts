import { type z } from 'zod';
import { type Problem } from '../../dialogue/conversation.js';

type Path = readonly PropertyKey[];

/** `messages[2].content[0].text`; the body itself has no name. */
export const paramOf = (path: Path): string => path.reduce<string>((whole, key) => (typeof key === 'number' ? `${whole}[${key}]` : whole === '' ? String(key) : `${whole}.${String(key)}`), '');

/**
 * Reads a value, or says what is wrong with it. What the schema does not know may well be right - the protocol grows - and
 * is `inexpressible`; the roles of messages are all known.
 */
export function readAs<T extends z.ZodType>(schema: T, value: unknown, at: Path, problems: Problem[]): z.output<T> | null {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  problems.push(...read.error.issues.flatMap((issue) => problemsOf(issue, value, at)));
  return null;
}

function problemsOf(issue: z.core.$ZodIssue, value: unknown, at: Path): Problem[] {
  const param = paramOf([...at, ...issue.path]);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ kind: 'inexpressible', param: paramOf([...at, ...issue.path, key]), why: 'is not a member that can be translated' }));
  if (issue.code === 'custom') return [{ kind: issue.params?.['inexpressible'] === true ? 'inexpressible' : 'invalid', param, why: issue.message }];
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'type') {
    const type = valueAt(value, issue.path);
    if (typeof type === 'string') return [{ kind: 'inexpressible', param, why: `'${type.slice(0, 64)}' has no words elsewhere` }];
  }
  return [{ kind: 'invalid', param, why: issue.message }];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((holder, key) => (typeof holder === 'object' && holder !== null ? (holder as Record<PropertyKey, unknown>)[key] : undefined), value);
}

/** What was read, or all that is wrong with it. */
export function decoded<T>(value: T | null, problems: readonly Problem[]): { ok: true; value: T } | { ok: false; problems: [Problem, ...Problem[]] } {
  const [first, ...others] = problems;
  if (first !== undefined) return { ok: false, problems: [first, ...others] };
  if (value === null) return { ok: false, problems: [{ kind: 'invalid', param: '', why: 'is not a request' }] };
  return { ok: true, value };
}
