import { hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;

/**
 * HMAC-SHA256 (RFC 2104) under one key for many short messages. node:crypto's own makes a key object each time, which on a
 * request's path costs ten times as much as both hashes.
 */
export class ReusableHmac {
  /** The key's block, and room for a message just as long as the last one was. Messages are nearly always of one length. */
  private inner: Buffer;
  private readonly outer: Buffer;

  constructor(key: Buffer) {
    const block = Buffer.alloc(BLOCK_BYTES);
    (key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key).copy(block);
    this.inner = Buffer.from(block.map((byte) => byte ^ 0x36));
    this.outer = Buffer.concat([block.map((byte) => byte ^ 0x5c)], BLOCK_BYTES + HASH_BYTES);
  }

  /** Its bytes as a text, a character each: node:crypto tells a text in less than half of the time that it takes for a Buffer. */
  digest(message: string): string {
    const length = BLOCK_BYTES + Buffer.byteLength(message);
    if (length !== this.inner.length) this.inner = Buffer.concat([this.inner.subarray(0, BLOCK_BYTES)], length);
    this.inner.write(message, BLOCK_BYTES);
    this.outer.write(hash('sha256', this.inner, 'binary'), BLOCK_BYTES, 'latin1');
    return hash('sha256', this.outer, 'binary');
  }
}
