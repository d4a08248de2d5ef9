/** What a header means to whoever has to find the end of a request. */
export type FieldRole =
  /** Nothing: it is passed on. */
  | 'plain'
  | 'host'
  | 'length'
  | 'connection'
  /** A request that has it is not simple: it may be framed in another way, ask for another protocol, or be told in another form. */
  | 'delicate';

export interface FieldName {
  /** In lower case. */
  readonly name: string;
  readonly role: FieldRole;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const ROLES: ReadonlyMap<string, FieldRole> = new Map<string, FieldRole>([
  ['host', 'host'],
  ['content-length', 'length'],
  ['connection', 'connection'],
  ['transfer-encoding', 'delicate'],
  ['trailer', 'delicate'],
  ['expect', 'delicate'],
  ['upgrade', 'delicate'],
  ['http2-settings', 'delicate'],
  // Node's parser takes it for `connection`.
  ['proxy-connection', 'delicate'],
  // Node makes a list of it.
  ['set-cookie', 'delicate'],
]);

/** Clients send the same few dozen names: each is checked and put into lower case once. Bounded, as clients choose the names. */
const KNOWN_LIMIT = 1024;
const KNOWN_LENGTH = 64;
const known = new Map<string, FieldName>();

/** What stands before a colon; null for what is no token (RFC 9110, section 5.6.2). */
export function requestFieldName(raw: string): FieldName | null {
  const found = known.get(raw);
  if (found !== undefined) return found;
  if (!TOKEN.test(raw)) return null;
  const name = raw.toLowerCase();
  const field: FieldName = { name, role: ROLES.get(name) ?? 'plain' };
  if (known.size < KNOWN_LIMIT && raw.length <= KNOWN_LENGTH) {
    // A slice would keep the head that it was cut from, and with it somebody's key: both are copied.
    const copy: FieldName = { name: copied(name), role: field.role };
    known.set(copied(raw), copy);
    return copy;
  }
  return field;
}

const copied = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
