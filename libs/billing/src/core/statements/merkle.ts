import { createHash } from 'node:crypto';

/** SHA-256, in lower-case hex where it leaves this file. */
type Digest = Buffer;

const sha256 = (...parts: readonly Buffer[]): Digest => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);
const leafHash = (data: Buffer): Digest => sha256(LEAF, data);
const nodeHash = (left: Digest, right: Digest): Digest => sha256(NODE, left, right);

interface Subtree {
  /** A power of two. */
  readonly leaves: number;
  readonly hash: Digest;
  readonly holdsWanted: boolean;
}

/** Where a leaf is, and the hashes that lead from it to the root, from the leaf upwards (RFC 6962, 2.1.1). */
export interface InclusionPath {
  readonly index: number;
  readonly hashes: readonly string[];
}

/**
 * The Merkle tree of RFC 6962, section 2.1, over leaves that come one after the other: what is kept is one hash for each
 * binary digit of their number. On its way it can gather the inclusion path of one leaf.
 */
export class MerkleTree {
  /** The largest whole subtrees from the left, each smaller than the one before it. */
  private readonly frontier: Subtree[] = [];
  private readonly path: Digest[] = [];
  private wanted: number | null = null;
  private count = 0;

  get leaves(): number {
    return this.count;
  }

  /** @param wanted whether `inclusion` is to be this leaf's */
  add(data: Buffer, wanted = false): void {
    if (wanted) this.wanted = this.count;
    this.count++;
    this.frontier.push({ leaves: 1, hash: leafHash(data), holdsWanted: wanted });
    for (let left = this.frontier.at(-2), right = this.frontier.at(-1)!; left !== undefined && left.leaves === right.leaves; left = this.frontier.at(-2), right = this.frontier.at(-1)!) {
      this.frontier.splice(-2, 2, this.join(left, right, this.path));
    }
  }

  /** The root; of no leaves the hash of nothing. */
  root(): string {
    return this.fold([]).toString('hex');
  }

  /** The path of the leaf that was wanted; null where none was. */
  inclusion(): InclusionPath | null {
    if (this.wanted === null) return null;
    const rest: Digest[] = [];
    this.fold(rest);
    return { index: this.wanted, hashes: [...this.path, ...rest].map((hash) => hash.toString('hex')) };
  }

  private fold(path: Digest[]): Digest {
    if (this.frontier.length === 0) return sha256();
    return this.frontier.reduceRight((right, left) => this.join(left, right, path)).hash;
  }

  private join(left: Subtree, right: Subtree, path: Digest[]): Subtree {
    if (left.holdsWanted) path.push(right.hash);
    if (right.holdsWanted) path.push(left.hash);
    return { leaves: left.leaves + right.leaves, hash: nodeHash(left.hash, right.hash), holdsWanted: left.holdsWanted || right.holdsWanted };
  }
}
