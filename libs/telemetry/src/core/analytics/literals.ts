/**
 * A string as ClickHouse reads it in a statement. Servers before 22.x take no parameters, so values are written into
 * the text: within quotes only a backslash and a quote mean anything (https://clickhouse.com/docs/sql-reference/syntax#string),
 * and control characters are escaped so that no terminal or log is troubled by them.
 * @throws RangeError for half a surrogate pair, which is no text
 */
export function stringLiteral(value: string): string {
  if (!value.isWellFormed()) throw new RangeError('half of a surrogate pair');
  return `'${value.replaceAll(/[\\'\u0000-\u001f\u007f]/g, (c) => (c === '\\' || c === "'" ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`))}'`;
}

/** A whole number. @throws RangeError for anything else */
export function intLiteral(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError('not a whole number');
  return String(value);
}
