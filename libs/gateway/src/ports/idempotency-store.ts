import { type KeptAnswer } from '../core/idempotency/kept-answer.js';
import { type KeyUse } from '../core/idempotency/key-use.js';

/** The right to run the request of a key, until one of these is called. Neither waits, fails or does anything twice. */
export interface Lease {
  /** The answer is complete: whoever comes with this key gets it. null: it is complete and too large to be kept. */
  keep(answer: KeptAnswer | null): void;
  /** There is no answer to keep: whoever comes with this key next runs again. */
  release(): void;
}

export type Claim =
  | { readonly kind: 'reserved'; readonly lease: Lease }
  /** The same request is under way. */
  | { readonly kind: 'in_progress' }
  /** The key was used for another request. */
  | { readonly kind: 'mismatch' }
  /** `answer` is null where there was one that could not be kept. */
  | { readonly kind: 'answered'; readonly answer: KeptAnswer | null };

/** Which keys were used, for what, and what was answered. */
export abstract class IdempotencyStore {
  /** Takes the key if it is free. Never rejects, and never waits long: a store that is away has something to fall back on. */
  abstract claim(use: KeyUse): Promise<Claim>;
}
