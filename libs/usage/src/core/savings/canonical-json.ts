/**
 * JSON of which there is only one spelling for a value: members sorted by name, no white space (RFC 8785, for values made
 * of objects, arrays, texts, booleans, null and whole numbers). Hashes of receipts are taken over it.
 * @throws RangeError for a number that is not whole: amounts and counts are
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    // By UTF-16 code units, as RFC 8785 has it; names are unique, so they never compare equal.
    members.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`);
  return JSON.stringify(value === 0 ? 0 : value);
}
