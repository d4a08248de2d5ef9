import fc from 'fast-check';
import { type KeptAnswer } from '../core/idempotency/kept-answer.js';
import { type KeyUse } from '../core/idempotency/key-use.js';
import { type Claim, type Lease } from '../ports/idempotency-store.js';
import { CombinedIdempotencyStore, type SharedClaim, type SharedIdempotencyStore } from './combined-idempotency-store.js';
import { MemoryIdempotencyStore } from './memory-idempotency-store.js';

const use = (slot: string, fingerprint = 'f'): KeyUse => ({ slot, fingerprint });
const answer = (text: string): KeptAnswer => ({ status: 200, headers: [], streamed: false, body: Buffer.from(text) });
const leaseOf = (claim: Claim): Lease => {
  if (claim.kind !== 'reserved') throw new Error(`not reserved but ${claim.kind}`);
  return claim.lease;
};

describe('MemoryIdempotencyStore', () => {
  it('forgets the oldest answers when there are too many, or too many bytes, and never what is under way', () => {
    const store = new MemoryIdempotencyStore(() => 0, { entries: 3, bytes: 10 });
    const running = leaseOf(store.claimNow(use('running')));
    for (const slot of ['a', 'b', 'c', 'd']) leaseOf(store.claimNow(use(slot))).keep(answer('x'));
    expect([store.find(use('a')), store.find(use('b'))?.kind]).toEqual([null, 'answered']);
    leaseOf(store.claimNow(use('large'))).keep(answer('x'.repeat(9)));
    expect([store.find(use('c')), store.find(use('d'))?.kind, store.find(use('large'))?.kind]).toEqual([null, 'answered', 'answered']);
    leaseOf(store.claimNow(use('too large'))).keep(answer('x'.repeat(11)));
    expect(['d', 'large', 'too large'].map((slot) => store.find(use(slot)))).toEqual([null, null, null]);
    expect(store.find(use('running'))).toEqual({ kind: 'in_progress' });
    running.release();
    expect(store.find(use('running'))).toBeNull();
  });

  it('lets a lease end once only', () => {
    const store = new MemoryIdempotencyStore(() => 0);
    const first = leaseOf(store.claimNow(use('a')));
    first.release();
    const second = leaseOf(store.claimNow(use('a')));
    first.release();
    first.keep(answer('first'));
    expect(store.find(use('a'))).toEqual({ kind: 'in_progress' });
    second.keep(answer('second'));
    second.release();
    expect(store.find(use('a'))).toMatchObject({ answer: { body: Buffer.from('second') } });
  });
});

/** A store that is away when it is told to be, and forgets everything when it comes back empty. */
class FlakyShared implements SharedIdempotencyStore {
  away = false;
  private store = new MemoryIdempotencyStore(() => 0);

  lose(): void {
    this.store = new MemoryIdempotencyStore(() => 0);
  }

  async claim(claimed: KeyUse): Promise<SharedClaim> {
    const nothing: Lease = { keep: () => undefined, release: () => undefined };
    if (this.away) return { kind: 'unavailable', lease: nothing };
    const claim = await this.store.claim(claimed);
    if (claim.kind !== 'reserved') return claim;
    const { lease } = claim;
    return { kind: 'reserved', lease: { keep: (kept) => (this.away ? undefined : lease.keep(kept)), release: () => (this.away ? undefined : lease.release()) } };
  }
}

describe('CombinedIdempotencyStore', () => {
  it('gives an answer again that ended here while the others could not be told', async () => {
    const shared = new FlakyShared();
    const store = new CombinedIdempotencyStore(new MemoryIdempotencyStore(() => 0), shared);
    const lease = leaseOf(await store.claim(use('a')));
    shared.away = true;
    lease.keep(answer('x'));
    expect((await store.claim(use('a'))).kind).toBe('answered');
    shared.away = false;
    expect((await store.claim(use('a'))).kind).toBe('answered');
  });

  it('never runs a key twice at once nor again after its answer, whatever becomes of the shared store', async () => {
    const steps = fc.array(fc.constantFrom('claim', 'claim', 'keep', 'release', 'away', 'back', 'lose'), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const shared = new FlakyShared();
        const store = new CombinedIdempotencyStore(new MemoryIdempotencyStore(() => 0), shared);
        let running: Lease | null = null;
        let answered = false;
        for (const step of plan) {
          if (step === 'away') shared.away = true;
          else if (step === 'back') shared.away = false;
          else if (step === 'lose') shared.lose();
          else if (step === 'claim') {
            const claim: Claim = await store.claim(use('a'));
            if (claim.kind === 'reserved') {
              expect([running, answered]).toEqual([null, false]);
              running = claim.lease;
            } else if (answered) expect(claim.kind).toBe('answered');
          } else if (running !== null) {
            answered ||= step === 'keep';
            if (step === 'keep') running.keep(answer('x'));
            else running.release();
            running = null;
          }
        }
      }),
    );
  });
});
