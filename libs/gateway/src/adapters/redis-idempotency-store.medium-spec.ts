import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ContentBox } from '@apex/auth';
import { createRedis } from '@apex/queue';
import { until } from '../../../../test/support/eventually.js';
import { startOwnRedis, testRedisUrl } from '../../../../test/support/redis.js';
import { type KeptAnswer } from '../core/idempotency/kept-answer.js';
import { type KeyUse } from '../core/idempotency/key-use.js';
import { type Claim, type Lease } from '../ports/idempotency-store.js';
import { CombinedIdempotencyStore, type SharedClaim } from './combined-idempotency-store.js';
import { MemoryIdempotencyStore } from './memory-idempotency-store.js';
import { type RedisIdempotencyTimes, RedisIdempotencyStore } from './redis-idempotency-store.js';

// Servers are started; on a machine that is busy with other suites that takes its time.
jest.setTimeout(90_000);

const PREFIX = 'test:idempotency:';
const masterKey = randomBytes(32);
/** Generous: nothing here is about the deadline but the test that says so. */
const PATIENT = { deadlineMs: 10_000 };

const newUse = (fingerprint = 'f'): KeyUse => ({ slot: randomBytes(12).toString('base64url'), fingerprint });
const said = (text: string): KeptAnswer => ({ status: 200, headers: ['x-request-id', 'r1'], streamed: true, body: Buffer.from(text) });
const leaseOf = (claim: Claim | SharedClaim, kind: SharedClaim['kind'] = 'reserved'): Lease => {
  if (!('lease' in claim) || claim.kind !== kind) throw new Error(`not ${kind} but ${claim.kind}`);
  return claim.lease;
};

describe('RedisIdempotencyStore', () => {
  const opened: RedisIdempotencyStore[] = [];

  beforeAll(() => Logger.overrideLogger(false));
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  /** What one process has. */
  async function open(url = testRedisUrl(), times: Partial<RedisIdempotencyTimes> = PATIENT, key = masterKey): Promise<RedisIdempotencyStore> {
    const store = new RedisIdempotencyStore(url, new ContentBox(key).derive('kept answers'), times, PREFIX);
    opened.push(store);
    await until(() => store.connected, 'is connected');
    return store;
  }

  it('gives one process what another one kept, and no other request', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    const use = newUse();
    const lease = leaseOf(await one.claim(use));
    expect(await two.claim(use)).toEqual({ kind: 'in_progress' });
    expect(await two.claim({ ...use, fingerprint: 'g' })).toEqual({ kind: 'mismatch' });
    lease.keep(said('hello'));
    // Behind the answer, on the same connection.
    expect(await one.claim(use)).toEqual({ kind: 'answered', answer: said('hello') });
    expect(await two.claim(use)).toEqual({ kind: 'answered', answer: said('hello') });
    expect(await two.claim({ ...use, fingerprint: 'g' })).toEqual({ kind: 'mismatch' });
  });

  it('gives a key to exactly one of many that want it at once', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const use = newUse();
    const claims = await Promise.all(Array.from({ length: 30 }, (_, i) => stores[i % 3]!.claim(use)));
    expect(claims.filter(({ kind }) => kind === 'reserved')).toHaveLength(1);
    expect(claims.filter(({ kind }) => kind === 'in_progress')).toHaveLength(29);
  });

  it('frees a key that is given back, in the same breath', async () => {
    const store = await open();
    const use = newUse();
    leaseOf(await store.claim(use)).release();
    leaseOf(await store.claim(use));
  });

  it('remembers for 24 hours that there was an answer which was too large', async () => {
    const store = await open();
    const use = newUse();
    leaseOf(await store.claim(use)).keep(null);
    expect(await store.claim(use)).toEqual({ kind: 'answered', answer: null });
    const redis = createRedis({ url: testRedisUrl(), name: 'test', whenAway: 'wait' });
    const left = await redis.pttl(PREFIX + use.slot);
    redis.disconnect();
    expect(left).toBeGreaterThan(23 * 3_600_000);
    expect(left).toBeLessThanOrEqual(24 * 3_600_000);
  });

  it('lets Redis see nothing of an answer, and opens it with this master key only', async () => {
    const [store, stranger] = await Promise.all([open(), open(testRedisUrl(), PATIENT, randomBytes(32))]);
    const use = newUse();
    leaseOf(await store.claim(use)).keep(said('a secret'));
    expect((await store.claim(use)).kind).toBe('answered');
    const redis = createRedis({ url: testRedisUrl(), name: 'test', whenAway: 'wait' });
    const held = await redis.hgetallBuffer(PREFIX + use.slot);
    redis.disconnect();
    expect(Object.keys(held).sort()).toEqual(['answer', 'fingerprint', 'owner']);
    expect(Buffer.concat(Object.values(held)).includes('secret')).toBe(false);
    expect(await stranger.claim(use)).toEqual({ kind: 'answered', answer: null });
  });

  it('holds a key as long as its request runs, and no longer than a lease when its process dies', async () => {
    const times = { ...PATIENT, leaseMs: 2_500, renewMs: 100 };
    const [living, dying, other] = await Promise.all([open(testRedisUrl(), times), open(testRedisUrl(), times), open(testRedisUrl(), times)]);
    const [held, orphaned] = [newUse(), newUse()];
    leaseOf(await living.claim(held));
    leaseOf(await dying.claim(orphaned));
    await dying.close();
    let claim: SharedClaim;
    await until(async () => (claim = await other.claim(orphaned)).kind === 'reserved', 'the dead process\'s key is free');
    leaseOf(claim!);
    // As old as the other one, whose lease has run out by now.
    expect(await other.claim(held)).toEqual({ kind: 'in_progress' });
  });

  it('does not let a process whose lease ran out overwrite what another one has said', async () => {
    const [late, other] = await Promise.all([open(testRedisUrl(), { ...PATIENT, leaseMs: 20, renewMs: 60_000 }), open()]);
    const use = newUse();
    const lost = leaseOf(await late.claim(use));
    let claim: SharedClaim;
    await until(async () => (claim = await other.claim(use)).kind === 'reserved', 'the lease has run out');
    lost.keep(said('late'));
    expect(await late.claim(use)).toEqual({ kind: 'in_progress' });
    leaseOf(claim!).keep(said('other'));
    expect(await other.claim(use)).toEqual({ kind: 'answered', answer: said('other') });
  });

  it('answers though Redis does not, and lets it alone for a while', async () => {
    const server = await startOwnRedis();
    try {
      const store = await open(server.url, { deadlineMs: 20, pauseMs: 60_000 });
      const blocker = createRedis({ url: server.url, name: 'test', whenAway: 'wait' });
      await blocker.client('PAUSE', 2_000, 'ALL');
      const use = newUse();
      const lease = leaseOf(await store.claim(use), 'unavailable');
      leaseOf(await store.claim(newUse()), 'unavailable');
      lease.keep(said('x'));
      // The claim that came late has the lease's owner: what the request said is kept all the same.
      const other = await open(server.url);
      await until(async () => (await other.claim(use)).kind === 'answered', 'the answer has arrived');
      blocker.disconnect();
    } finally {
      for (const store of opened.splice(0)) await store.close();
      await server.stop();
    }
  });

  it('with one process\'s memory beside it: Redis may stop in the middle and come back', async () => {
    const server = await startOwnRedis();
    try {
      const [shared, sharedToo] = await Promise.all([open(server.url, { ...PATIENT, renewMs: 50 }), open(server.url)]);
      const store = new CombinedIdempotencyStore(new MemoryIdempotencyStore(Date.now), shared);
      const other = new CombinedIdempotencyStore(new MemoryIdempotencyStore(Date.now), sharedToo);
      const [before, during, running] = [newUse(), newUse(), newUse()];
      leaseOf(await store.claim(before)).keep(said('before'));
      const lease = leaseOf(await store.claim(running));
      await server.stop();
      await until(() => !shared.connected && !sharedToo.connected, 'the outage is seen');

      expect(await store.claim(before)).toEqual({ kind: 'answered', answer: said('before') });
      expect(await store.claim(running)).toEqual({ kind: 'in_progress' });
      leaseOf(await store.claim(during)).keep(said('during'));
      expect(await store.claim(during)).toEqual({ kind: 'answered', answer: said('during') });
      expect(await store.claim({ ...during, fingerprint: 'g' })).toEqual({ kind: 'mismatch' });

      await server.start();
      await until(() => shared.connected && sharedToo.connected, 'Redis is back');
      expect(await store.claim(running)).toEqual({ kind: 'in_progress' });
      expect(await store.claim(during)).toEqual({ kind: 'answered', answer: said('during') });
      // The request that went on through all of it tells its answer to everybody.
      lease.keep(said('through'));
      expect(await store.claim(running)).toEqual({ kind: 'answered', answer: said('through') });
      expect(await other.claim(running)).toEqual({ kind: 'answered', answer: said('through') });
    } finally {
      for (const store of opened.splice(0)) await store.close();
      await server.stop();
    }
  });
});
