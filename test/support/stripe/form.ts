import { refused } from './fault.js';

export type FormValue = string | FormValue[] | { [name: string]: FormValue };
export type Form = Record<string, FormValue>;

const NAME = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;

/** `a[b][0][c]=d` as Stripe reads it: objects, and arrays where every index is a number. */
export function readForm(text: string): Form {
  const root: Form = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const match = NAME.exec(name);
    if (match === null) throw refused(`Invalid parameter name: ${name}`, name);
    const path = [match[1]!, ...[...match[2]!.matchAll(/\[([^[\]]*)\]/g)].map((part) => part[1]!)];
    let at: Form = root;
    for (const part of path.slice(0, -1)) {
      const next = (at[part] ??= {});
      if (typeof next !== 'object') throw refused(`Invalid nesting: ${name}`, name);
      at = next as Form;
    }
    at[path.at(-1)!] = value;
  }
  return arrays(root) as Form;
}

function arrays(value: FormValue): FormValue {
  if (typeof value === 'string' || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, arrays(inner)] as const);
  if (entries.length > 0 && entries.every(([name]) => /^\d+$/.test(name))) return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, inner]) => inner);
  return Object.fromEntries(entries);
}
