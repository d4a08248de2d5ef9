import { type z } from 'zod';
import { type Decoded, type Problem } from '../../dialogue/conversation.js';
import { type Fields, present } from './json.js';

/** Gathers what is wrong with a request, so that a caller is told of all of it at once. */
export class Problems {
  private readonly found: Problem[] = [];

  invalid(param: string, why: string): void {
    this.found.push({ kind: 'invalid', param, why });
  }

  inexpressible(param: string, why: string): void {
    this.found.push({ kind: 'inexpressible', param, why });
  }

  /** Each of these members that is there is one that nobody else has words for. */
  refuse(holder: Fields, path: string, members: readonly string[], why: string): void {
    for (const member of members) if (present(holder[member])) this.inexpressible(at(path, member), why);
  }

  /** A schema's complaints: wrong types, members that are missing and members that the protocol does not have. */
  schema(error: z.ZodError, path = ''): void {
    for (const issue of error.issues) {
      const where = pathOf(issue.path, path);
      if (issue.code === 'unrecognized_keys') for (const key of issue.keys) this.invalid(at(where, key), 'Gemini has no member of this name');
      else this.invalid(where, issue.message);
    }
  }

  /** The value, unless there were problems. */
  decoded<T>(value: T): Decoded<T> {
    const [first, ...rest] = this.found;
    return first === undefined ? { ok: true, value } : { ok: false, problems: [first, ...rest] };
  }

  get none(): boolean {
    return this.found.length === 0;
  }
}

export const at = (path: string, member: string): string => (path === '' ? member : `${path}.${member}`);

const pathOf = (path: readonly PropertyKey[], root: string): string =>
  path.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : at(text, String(key))), root);
