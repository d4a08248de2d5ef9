/** The secrets Apex hands out: an API key, an operator's admin token, a user's session. */
export type TokenKind = 'apex_' | 'apexadm_' | 'apexs_';

export const TOKEN_BYTES = 32;

/** 32 bytes as base64url without padding. */
const SECRET_LENGTH = 43;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** A key's first characters that are shown: enough to tell keys apart, 24 of 256 bits. */
const SHOWN = 4;

/** @param bytes `TOKEN_BYTES` of fresh randomness */
export function makeToken(kind: TokenKind, bytes: Buffer): string {
  if (bytes.length !== TOKEN_BYTES) throw new RangeError(`a token needs ${TOKEN_BYTES} random bytes`);
  return kind + bytes.toString('base64url');
}

/** True if it could be one of ours. Cheap whatever was sent: the length is looked at first. */
export const isToken = (kind: TokenKind, presented: string): boolean =>
  presented.length === kind.length + SECRET_LENGTH && presented.startsWith(kind) && SECRET.test(presented.slice(kind.length));

/** What is shown of an API key in lists. */
export const tokenPrefix = (key: string): string => key.slice(0, 'apex_'.length + SHOWN);
