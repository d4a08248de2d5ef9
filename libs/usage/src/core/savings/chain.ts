import { hash as digest } from 'node:crypto';
import { type Uuid } from '@apex/common';
import { canonicalJson } from './canonical-json.js';
import { type AdjustmentFact, type Receipt } from './receipt.types.js';

/** SHA-256 in lower-case hex. */
export type Hash = string;

/** What a customer's chain is made of, besides the links. */
export interface Sealable {
  readonly kind: 'receipt' | 'adjustment';
  /** The request's id, or the adjustment's. */
  readonly id: Uuid;
  readonly contentHash: Hash;
}

export interface Link extends Sealable {
  /** From 1, without gaps, per customer. */
  readonly seq: number;
  readonly prevHash: Hash;
  readonly hash: Hash;
}

/** Before a customer's first link. */
export const GENESIS: Hash = '0'.repeat(64);

/** Of canonical JSON. */
export const hashOfCanonical = (canonical: string): Hash => digest('sha256', canonical, 'hex');

/** Over the inputs and the amounts: neither can be changed without the other, and both not without the chain. */
export const receiptHash = ({ requestId, customerId, inputs, baselinePd, actualPd, savingPd, shares, overheadPd, status, reason }: Receipt): Hash =>
  hashOfCanonical(canonicalJson({ type: 'receipt', requestId, customerId, inputs, baselinePd, actualPd, savingPd, shares, overheadPd, status, reason }));

export const adjustmentHash = (id: Uuid, requestId: Uuid, customerId: string, fact: AdjustmentFact): Hash => hashOfCanonical(canonicalJson({ type: 'adjustment', id, requestId, customerId, fact }));

/** The links that follow `last`: each one's hash covers its content, its place and the link before it. */
export function seal(customerId: string, last: Pick<Link, 'seq' | 'hash'> | null, items: readonly Sealable[]): Link[] {
  let seq = last?.seq ?? 0;
  let prevHash = last?.hash ?? GENESIS;
  return items.map(({ kind, id, contentHash }) => {
    seq++;
    const hash = linkHash(customerId, { seq, kind, id, contentHash, prevHash });
    const link = { seq, kind, id, contentHash, prevHash, hash };
    prevHash = hash;
    return link;
  });
}

/** The first link that is wrong, and why; null for a chain that holds from `after` on. */
export function findBreak(customerId: string, after: Pick<Link, 'seq' | 'hash'> | null, links: readonly Link[]): { readonly seq: number; readonly reason: string } | null {
  let seq = after?.seq ?? 0;
  let prevHash = after?.hash ?? GENESIS;
  for (const link of links) {
    seq++;
    if (link.seq !== seq) return { seq, reason: `link ${link.seq} stands where ${seq} is due` };
    if (link.prevHash !== prevHash) return { seq, reason: 'does not name the link before it' };
    if (linkHash(customerId, link) !== link.hash) return { seq, reason: 'its hash is not that of its content' };
    prevHash = link.hash;
  }
  return null;
}

const linkHash = (customerId: string, { seq, kind, id, contentHash, prevHash }: Omit<Link, 'hash'>): Hash => hashOfCanonical(canonicalJson({ type: 'link', customerId, seq, kind, id, contentHash, prevHash }));
