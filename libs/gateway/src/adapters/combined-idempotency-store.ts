import { type KeptAnswer } from '../core/idempotency/kept-answer.js';
import { type KeyUse } from '../core/idempotency/key-use.js';
import { type Claim, type Lease, IdempotencyStore } from '../ports/idempotency-store.js';
import { type MemoryIdempotencyStore } from './memory-idempotency-store.js';

/** A claim that a store which may be away answers in any case. */
export type SharedClaim =
  | Claim
  /** Nobody knows. The lease is good for what becomes of the key once the store is back. */
  | { readonly kind: 'unavailable'; readonly lease: Lease };

export interface SharedIdempotencyStore {
  claim(use: KeyUse): Promise<SharedClaim>;
}

/**
 * The keys of all processes, and while their store is away at least those of this one: everything that runs or was
 * answered here is known here as well, so that an outage in the middle of a request makes no difference to its retry.
 */
export class CombinedIdempotencyStore extends IdempotencyStore {
  constructor(
    private readonly local: MemoryIdempotencyStore,
    private readonly shared: SharedIdempotencyStore,
  ) {
    super();
  }

  async claim(use: KeyUse): Promise<Claim> {
    const shared = await this.shared.claim(use);
    switch (shared.kind) {
      case 'mismatch':
      case 'answered':
        return shared;
      case 'in_progress': {
        // It may have ended here while the others could not be told.
        const known = this.local.find(use);
        return known !== null && known.kind === 'answered' ? known : shared;
      }
      case 'reserved':
      case 'unavailable': {
        const local = this.local.claimNow(use);
        if (local.kind === 'reserved') return { kind: 'reserved', lease: both(local.lease, shared.lease) };
        shared.lease.release();
        return local;
      }
    }
  }
}

const both = (local: Lease, shared: Lease): Lease => ({
  keep: (answer: KeptAnswer | null) => {
    local.keep(answer);
    shared.keep(answer);
  },
  release: () => {
    local.release();
    shared.release();
  },
});
