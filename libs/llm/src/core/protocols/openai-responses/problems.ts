import { type z } from 'zod';
import { type Decoded, type Problem } from '../../dialogue/conversation.js';

export type Path = readonly (string | number)[];

/** `input[2].content[0].text`; the body itself has no name. */
export const paramOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((whole, key) => (typeof key === 'number' ? `${whole}[${key}]` : whole === '' ? String(key) : `${whole}.${String(key)}`), '');

/** All that is wrong with a request, so that a caller is told of it at once. */
export class Problems {
  private readonly found: Problem[] = [];

  invalid(path: Path, why: string): void {
    this.found.push({ kind: 'invalid', param: paramOf(path), why });
  }

  inexpressible(path: Path, why: string): void {
    this.found.push({ kind: 'inexpressible', param: paramOf(path), why });
  }

  /**
   * Reads a value, or tells what is wrong with it. A member or a type that the schema does not know may well be right, as
   * the protocol grows: it is `inexpressible`.
   */
  read<T extends z.ZodType>(schema: T, value: unknown, at: Path): z.output<T> | null {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.report(issue, value, at);
    return null;
  }

  /** The value, unless there were problems. */
  decoded<T>(value: T): Decoded<T> {
    const [first, ...others] = this.found;
    return first === undefined ? { ok: true, value } : { ok: false, problems: [first, ...others] };
  }

  private report(issue: z.core.$ZodIssue, value: unknown, at: Path): void {
    const param = paramOf([...at, ...issue.path]);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.found.push({ kind: 'inexpressible', param: paramOf([...at, ...issue.path, key]), why: 'is not a member that can be translated' });
      return;
    }
    const unknownType = issue.code === 'invalid_union' && issue.path.at(-1) === 'type' ? valueAt(value, issue.path) : undefined;
    if (typeof unknownType === 'string') this.found.push({ kind: 'inexpressible', param, why: noWordsFor(unknownType) });
    else this.found.push({ kind: issue.code === 'custom' && issue.params?.['inexpressible'] === true ? 'inexpressible' : 'invalid', param, why: issue.message });
  }
}

export const noWordsFor = (type: string): string => `'${type.slice(0, 64)}' has no words elsewhere`;

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((holder, key) => (typeof holder === 'object' && holder !== null ? (holder as Record<PropertyKey, unknown>)[key] : undefined), value);
