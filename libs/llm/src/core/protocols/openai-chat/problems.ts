import { type z } from 'zod';
import { type Decoded, type Problem } from '../../dialogue/conversation.js';

/** Gathers all that is wrong with a request, so that the caller hears of it at once. */
export class Problems {
  private readonly found: Problem[] = [];

  invalid(param: string, why: string): void {
    this.found.push({ kind: 'invalid', param, why });
  }

  inexpressible(param: string, why: string): void {
    this.found.push({ kind: 'inexpressible', param, why });
  }

  /** A schema's complaints. What is marked as `inexpressible` there is right in its protocol, or not known to be wrong. */
  schema(error: z.ZodError, reasons: Readonly<Record<string, string>>): void {
    for (const issue of error.issues) this.issue(issue, [], reasons);
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

  private issue(issue: z.core.$ZodIssue, above: readonly PropertyKey[], reasons: Readonly<Record<string, string>>): void {
    const path = [...above, ...issue.path];
    const name = paramOf(path);
    if (issue.code === 'custom' && issue.params?.['inexpressible'] === true) {
      const member = String(path.findLast((key) => typeof key === 'string') ?? '');
      this.inexpressible(name, (Object.hasOwn(reasons, member) ? reasons[member] : undefined) ?? issue.message);
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      // The branch that got furthest is the one that was meant: its complaints are about members, not about the whole.
      const meant = issue.errors.find((branch) => branch.length > 0 && branch.every((inner) => inner.path.length > 0));
      if (meant === undefined) this.invalid(name, 'is of a wrong type');
      else for (const inner of meant) this.issue(inner, path, reasons);
    } else this.invalid(name, issue.message);
  }
}

/** `messages[2].content[0]`; a body that is no object has no name. */
export const paramOf = (path: readonly PropertyKey[]): string => path.reduce<string>((name, key) => (typeof key === 'number' ? `${name}[${key}]` : name === '' ? String(key) : `${name}.${String(key)}`), '');
