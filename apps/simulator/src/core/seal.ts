import { createHmac, hash } from 'node:crypto';

/** Not a secret: it only makes a signature that was altered, or made elsewhere, tell itself apart. */
const KEY = 'simulated-provider';
const NONCE_BYTES = 24;

const hmac = (nonce: Buffer, text: string): Buffer => createHmac('sha256', KEY).update(nonce).update(text).digest();

/** An opaque signature of a text, as providers put it on what their models thought. The same on every machine. */
export function seal(text: string, identity: string): string {
  const nonce = hash('sha256', identity, 'buffer').subarray(0, NONCE_BYTES);
  return Buffer.concat([nonce, hmac(nonce, text)]).toString('base64');
}

/** Whether this very signature was made for this very text. */
export function isSealOf(signature: string, text: string): boolean {
  const bytes = Buffer.from(signature, 'base64');
  // The decoder passes over what is no base64; an altered signature must not get through that way.
  if (bytes.toString('base64') !== signature) return false;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  return bytes.subarray(NONCE_BYTES).equals(hmac(nonce, text));
}
