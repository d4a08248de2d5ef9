import { KEPT_FOR_MS, type KeptAnswer } from '../core/idempotency/kept-answer.js';
import { type KeyUse } from '../core/idempotency/key-use.js';
import { type Claim, type Lease, IdempotencyStore } from '../ports/idempotency-store.js';

export interface MemoryLimits {
  /** Answers, those too large to be kept included. */
  readonly entries: number;
  /** Bytes of their bodies and headers. */
  readonly bytes: number;
}

interface Kept {
  readonly fingerprint: string;
  readonly answer: KeptAnswer | null;
  readonly bytes: number;
  readonly until: number;
}

const DEFAULT_LIMITS: MemoryLimits = { entries: 10_000, bytes: 64 * 1024 * 1024 };

/** The keys of this process. What is over the limits is forgotten, oldest first; requests under way never are. */
export class MemoryIdempotencyStore extends IdempotencyStore {
  private readonly running = new Map<string, string>();
  /** In the order of their end, which is that of their expiry. */
  private readonly kept = new Map<string, Kept>();
  private bytes = 0;

  constructor(
    private readonly now: () => number,
    private readonly limits: MemoryLimits = DEFAULT_LIMITS,
  ) {
    super();
  }

  claim(use: KeyUse): Promise<Claim> {
    return Promise.resolve(this.claimNow(use));
  }

  claimNow(use: KeyUse): Claim {
    const known = this.find(use);
    if (known !== null) return known;
    this.running.set(use.slot, use.fingerprint);
    return { kind: 'reserved', lease: this.lease(use) };
  }

  /** What is known of the key; null: it is free. */
  find({ slot, fingerprint }: KeyUse): Exclude<Claim, { kind: 'reserved' }> | null {
    const running = this.running.get(slot);
    if (running !== undefined) return { kind: running === fingerprint ? 'in_progress' : 'mismatch' };
    this.forgetExpired();
    const kept = this.kept.get(slot);
    if (kept === undefined) return null;
    return kept.fingerprint === fingerprint ? { kind: 'answered', answer: kept.answer } : { kind: 'mismatch' };
  }

  private lease({ slot, fingerprint }: KeyUse): Lease {
    let over = false;
    const end = (): boolean => {
      if (over) return false;
      over = true;
      this.running.delete(slot);
      return true;
    };
    return {
      keep: (answer) => {
        if (end()) this.keep(slot, { fingerprint, answer, bytes: sizeOf(answer), until: this.now() + KEPT_FOR_MS });
      },
      release: () => void end(),
    };
  }

  private keep(slot: string, kept: Kept): void {
    this.kept.set(slot, kept);
    this.bytes += kept.bytes;
    while (this.kept.size > this.limits.entries || this.bytes > this.limits.bytes) this.forgetOldest();
  }

  private forgetExpired(): void {
    const now = this.now();
    for (const { until } of this.kept.values()) {
      if (until > now) return;
      this.forgetOldest();
    }
  }

  private forgetOldest(): void {
    for (const [slot, { bytes }] of this.kept) {
      this.kept.delete(slot);
      this.bytes -= bytes;
      return;
    }
  }
}

const sizeOf = (answer: KeptAnswer | null): number => (answer === null ? 0 : answer.headers.reduce((bytes, text) => bytes + text.length, answer.body.length));
