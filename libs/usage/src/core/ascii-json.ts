/** No quote, no backslash, no control character, nothing above ASCII: JSON as it stands. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/**
 * A text, or null, as ASCII JSON that Postgres can store: NUL and halves of surrogate pairs, which JSON can spell and
 * `text` cannot hold, become U+FFFD; everything above ASCII is escaped, so that a character is a byte.
 */
export function text(value: string | null): string {
  if (value === null) return 'null';
  return PLAIN.test(value) ? `"${value}"` : escaped(value);
}

export const textList = (list: readonly string[]): string => (list.length === 0 ? '[]' : `[${list.map(text).join(',')}]`);

/** A number as JSON has it: a defect that makes one unspeakable must not take other rows with it. */
export const whole = (value: number | null): number | null => (Number.isFinite(value) ? value : null);

/** As `text`, for any value that JSON can spell. */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  return /^[\x20-\x7e]*$/.test(json) && !json.includes('\\u') ? json : ascii(JSON.stringify(value, storable));
}

const escaped = (value: string): string => ascii(JSON.stringify(wellFormed(value)));
const storable = (_key: string, value: unknown): unknown => (typeof value === 'string' ? wellFormed(value) : value);
const wellFormed = (value: string): string => value.toWellFormed().replaceAll('\0', '\ufffd');
const ascii = (json: string): string => json.replace(/[^\x00-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Enough for every model, provider, customer and code that is in use at once. */
const MAX_LABELS = 4_096;
const labels = new Map<string, string>();

/** As `text`, for what comes again and again: escaped once and remembered, within a bound. */
export function label(value: string | null): string {
  if (value === null) return 'null';
  let json = labels.get(value);
  if (json === undefined) {
    if (labels.size >= MAX_LABELS) labels.clear();
    labels.set(value, (json = text(value)));
  }
  return json;
}
