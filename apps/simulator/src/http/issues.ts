import { type z } from 'zod';

type Issue = z.core.$ZodIssue;
export type Path = readonly PropertyKey[];

/** What is wrong with a body, and where. */
export interface Finding {
  readonly issue: Issue;
  readonly path: Path;
  readonly value: unknown;
}

export const valueAt = (body: unknown, path: Path): unknown => path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined), body);

/** The first thing that is wrong. Inside a union it is what the branch says that got further than its own type, if one did. */
export function firstFinding(error: z.ZodError, body: unknown): Finding {
  return decisive(error.issues[0] as Issue, body, []);
}

function decisive(issue: Issue, body: unknown, base: Path): Finding {
  const path = [...base, ...issue.path];
  if (issue.code === 'invalid_union') {
    const deeper = issue.errors.flatMap((branch) => branch.slice(0, 1)).find((first) => first.code !== 'invalid_type' || first.path.length > 0);
    if (deeper) return decisive(deeper, body, path);
  }
  return { issue, path, value: valueAt(body, path) };
}

/** What a value without a fitting branch could have been: the tags of a union, or the types of its branches. */
export function expectedIn(issue: z.core.$ZodIssueInvalidUnion): { readonly tag: string | null; readonly options: readonly string[] } {
  if (issue.errors.length === 0) return { tag: issue.discriminator ?? null, options: 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [] };
  return { tag: null, options: issue.errors.flatMap(([first]) => (first?.code === 'invalid_type' ? [first.expected] : [])) };
}
