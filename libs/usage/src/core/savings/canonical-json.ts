/**
 * JSON of which there is only one spelling for a value: members sorted by name, no white space (RFC 8785, for values made
 * of objects, arrays, texts, booleans, null and whole numbers). Hashes of receipts are taken over it.
 * @throws RangeError for a number that is not whole: amounts and counts are
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string' || value === null || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  let members = '';
  for (const name of inOrder(Object.keys(value))) {
    const member = (value as Record<string, unknown>)[name];
    if (member !== undefined) members += `${members === '' ? '' : ','}${spelledName(name)}${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** By UTF-16 code units, as RFC 8785 has it and sort() does without a comparison of our own. Often they are in order already. */
function inOrder(names: string[]): string[] {
  for (let at = 1; at < names.length; at++) if (names[at - 1]! > names[at]!) return names.sort();
  return names;
}

/** Receipts and statements have some hundred different names, and each comes again a million times. */
const spelledNames = new Map<string, string>();
const MAX_SPELLED = 1_000;

function spelledName(name: string): string {
  let spelled = spelledNames.get(name);
  if (spelled === undefined) {
    spelled = `${JSON.stringify(name)}:`;
    if (spelledNames.size < MAX_SPELLED) spelledNames.set(name, spelled);
  }
  return spelled;
}
