import { sha256 } from './canonical.js';

/**
 * The Merkle tree hash of RFC 6962, section 2.1, over leaves that come one by one. A slot per power of two holds the hash of
 * a whole subtree of that many leaves, or nothing: as the digits of a binary counter.
 */
export class Tree {
  private readonly slots: Array<Buffer | null> = [];
  leaves = 0;

  add(data: Uint8Array): void {
    let carry = sha256(Uint8Array.of(0), data);
    let level = 0;
    for (; this.slots[level] != null; level++) {
      carry = sha256(Uint8Array.of(1), this.slots[level]!, carry);
      this.slots[level] = null;
    }
    this.slots[level] = carry;
    this.leaves++;
  }

  root(): string {
    let right: Buffer | null = null;
    for (const slot of this.slots) if (slot !== null) right = right === null ? slot : sha256(Uint8Array.of(1), slot, right);
    return (right ?? sha256()).toString('hex');
  }
}
