/** An answer's headers: names in lower case; a name that came more than once has all its values, in their order. Nothing is inherited. */
export type ResponseHeaders = Record<string, string | string[]>;

/** A constructor's objects are laid out alike, which a literal without a prototype is not: they are quicker to make and to read. */
const HeaderObject = function () {} as unknown as { new (): ResponseHeaders; prototype: unknown };
HeaderObject.prototype = Object.create(null);

export const emptyHeaders = (): ResponseHeaders => new HeaderObject();

const COLON = 0x3a;
const TOKEN = 1;
const VALUE = 2;
/** What each byte may be part of (RFC 9110, sections 5.5 and 5.6.2): a name, a value. */
const CLASSES = Uint8Array.from({ length: 256 }, (_, byte) => (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? TOKEN : 0) | (byte === 0x09 || (byte >= 0x20 && byte !== 0x7f) ? VALUE : 0));

export const isTokenByte = (byte: number): boolean => (CLASSES[byte]! & TOKEN) !== 0;
/** Visible characters, blanks, tabs and what is beyond ASCII; no CR, LF, NUL or other control. */
export const isValueByte = (byte: number): boolean => (CLASSES[byte]! & VALUE) !== 0;
export const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x09;

/** A header's name as a server writes it. */
export interface FieldName {
  readonly bytes: Uint8Array;
  /** In lower case. */
  readonly name: string;
  /** It is remembered, and may be referred to. */
  readonly known: boolean;
  /** What came behind it last: servers keep to their order. */
  next: FieldName | null;
}

/** Names differ by a few dozen per provider: each is put into lower case once. Bounded, as servers choose them. */
const KNOWN_NAMES_LIMIT = 1024;
const KNOWN_NAME_LENGTH = 64;
const knownNames = new Map<string, FieldName>();

/** @param raw a token */
export function fieldName(raw: string): FieldName {
  const found = knownNames.get(raw);
  if (found !== undefined) return found;
  // A slice would keep the head that it was cut from.
  const bytes = Buffer.from(raw, 'latin1');
  const copy = bytes.toString('latin1');
  const field: FieldName = { bytes, name: copy.toLowerCase(), known: knownNames.size < KNOWN_NAMES_LIMIT && raw.length <= KNOWN_NAME_LENGTH, next: null };
  if (field.known) knownNames.set(copy, field);
  return field;
}

/** This name, and a colon behind it, stand at `at`. The caller knows that so many bytes are there: what a shared buffer holds behind them is of another answer. */
export function isNameAt({ bytes: name }: FieldName, bytes: Uint8Array, at: number): boolean {
  const { length } = name;
  if (bytes[at + length] !== COLON) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== name[i]) return false;
  return true;
}
