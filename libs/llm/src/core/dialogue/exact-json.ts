/** Numbers that a double may not hold: many digits, or an exponent of three. */
const LONG_NUMBER = /[\d.]{16}|[eE][+-]?\d{3}/;

interface SourceAware {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

/**
 * What a JSON text says, to be written again by `JSON.stringify`: numbers that a double cannot hold, like ids of 19 digits,
 * stay as written (`JSON.rawJSON`).
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as unknown;
  const json = JSON as unknown as SourceAware;
  return json.parse(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined && !isExact(value, source) ? json.rawJSON(source) : value));
}

function isExact(value: number, source: string): boolean {
  if (String(value) === source) return true;
  const digits = source.replace(/[eE].*$/, '').replace(/\D/g, '');
  return Number.isFinite(value) && digits.length <= 15 && (value !== 0 || /^0*$/.test(digits));
}
