import { type Fields, isPresent } from '@apex/common';
import { type z } from 'zod';
import { type Decoded, type Problem } from './conversation.js';

/** A member's name within another's: `at('messages[2]', 'content', 0)` is `messages[2].content[0]`; the body itself has no name. */
export const at = (path: string, ...keys: readonly PropertyKey[]): string =>
  keys.reduce<string>((whole, key) => (typeof key === 'number' ? `${whole}[${key}]` : whole === '' ? String(key) : `${whole}.${String(key)}`), path);

export const noWordsFor = (type: string): string => `'${type.slice(0, 64)}' has no words elsewhere`;

/** A member that the schemas do not list may well be right, as protocols grow. */
const UNKNOWN: Omit<Problem, 'param'> = { kind: 'inexpressible', why: 'is not a member that can be translated' };

/** Gathers all that is wrong with a request, so that the caller hears of it at once. */
export class Problems {
  private readonly found: Problem[] = [];

  /**
   * @param reasons why members, by their names, cannot be carried over, where their schemas do not say it
   * @param unknown what is wrong with a member that a schema does not list
   */
  constructor(
    private readonly reasons: Readonly<Record<string, string>> = {},
    private readonly unknown = UNKNOWN,
  ) {}

  invalid(param: string, why: string): void {
    this.found.push({ kind: 'invalid', param, why });
  }

  inexpressible(param: string, why: string): void {
    this.found.push({ kind: 'inexpressible', param, why });
  }

  /** Each of these members that is there is one that nobody else has words for. */
  refuse(holder: Fields, path: string, members: readonly string[], why: string): void {
    for (const member of members) if (isPresent(holder[member])) this.inexpressible(at(path, member), why);
  }

  /**
   * Reads a value, or tells what is wrong with it. What a schema marks as `inexpressible` is right in its protocol, and so
   * may be a `type` that it does not know.
   */
  read<T extends z.ZodType>(schema: T, value: unknown, path = ''): z.output<T> | null {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.report(issue, value, path);
    return null;
  }

  /** The value, unless there were problems. */
  decoded<T>(value: T): Decoded<T> {
    const [first, ...rest] = this.found;
    return first === undefined ? { ok: true, value } : { ok: false, problems: [first, ...rest] };
  }

  /** What there is to say of a body that is refused whatever else is found. */
  refused(): Decoded<never> {
    const [first = { kind: 'invalid', param: '', why: 'is not a request' }, ...rest] = this.found;
    return { ok: false, problems: [first, ...rest] };
  }

  private report(issue: z.core.$ZodIssue, value: unknown, path: string): void {
    const param = at(path, ...issue.path);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.found.push({ ...this.unknown, param: at(param, key) });
    } else if (issue.code === 'custom') this.custom(issue, param);
    else if (issue.code === 'invalid_union') this.union(issue, value, param);
    else this.invalid(param, issue.message);
  }

  private custom(issue: z.core.$ZodIssueCustom, param: string): void {
    if (issue.params?.['inexpressible'] !== true) return this.invalid(param, issue.message);
    const member = /([^.[\]]+)(?:\[\d+\])*$/.exec(param)?.[1] ?? '';
    this.inexpressible(param, (Object.hasOwn(this.reasons, member) ? this.reasons[member] : undefined) ?? issue.message);
  }

  private union(issue: z.core.$ZodIssueInvalidUnion, value: unknown, param: string): void {
    const held = valueAt(value, issue.path);
    if (issue.path.at(-1) === 'type' && typeof held === 'string') return this.inexpressible(param, noWordsFor(held));
    if (issue.errors.length === 0) return this.invalid(param, issue.message);
    // The branch that got furthest is the one that was meant: its complaints are about members, not about the whole.
    const meant = issue.errors.find((branch) => branch.length > 0 && branch.every((inner) => inner.path.length > 0));
    if (meant === undefined) this.invalid(param, 'is of a wrong type');
    else for (const inner of meant) this.report(inner, held, param);
  }
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((holder, key) => (typeof holder === 'object' && holder !== null ? (holder as Record<PropertyKey, unknown>)[key] : undefined), value);
