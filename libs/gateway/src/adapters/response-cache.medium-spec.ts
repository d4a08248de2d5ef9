import { hash as digest, randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ContentBox, NONCE_BYTES } from '@apex/auth';
import { createRedis, RedisBus } from '@apex/queue';
import { until } from '../../../../test/support/eventually.js';
import { startOwnRedis, testRedisUrl } from '../../../../test/support/redis.js';
import { type CachedAnswer, encodeCached } from '../core/cache/cached-answer.js';
import { recorded, saying } from '../core/cache/exact-cache.fakes.js';
import { ExactCache } from '../core/cache/exact-cache.js';
import { type Found } from '../core/cache/flight.js';
import { MAX_MARKS } from '../core/cache/selector.js';
import { type OpenedResponseCache, openResponseCache, type ResponseCacheOptions } from './open-response-cache.js';

// Servers are started; on a machine that is busy with other suites that takes its time.
jest.setTimeout(90_000);

/** Generous: nothing here is about the deadline but the tests that say so. */
const PATIENT = { deadlineMs: 10_000, changeMs: 10_000 };
const masterKey = randomBytes(32);
const boxOf = (key: Buffer): ContentBox => new ContentBox(key).derive('cached answers');

interface Process extends OpenedResponseCache {
  readonly bus: RedisBus;
}

let made = 0;
const answer = (change: Partial<CachedAnswer> = {}): CachedAnswer => ({
  ...recorded(),
  customerId: 'acme',
  hash: digest('sha256', `answer ${made++} ${process.pid}`),
  requestedModel: 'fast',
  tags: ['nightly'],
  storedAt: Date.now(),
  expiresAt: Date.now() + 60_000,
  epoch: 0,
  ...change,
});

describe('the answers of several processes', () => {
  const opened: Process[] = [];

  beforeAll(() => Logger.overrideLogger(false));
  afterEach(closeAll);

  async function closeAll(): Promise<void> {
    for (const { bus, close } of opened.splice(0)) {
      await close();
      bus.close();
    }
  }

  /** What one process has. Each test has a prefix of its own, and so a Redis that is empty. */
  async function open(prefix: string, { url = testRedisUrl(), key = masterKey, ...options }: Partial<ResponseCacheOptions> & { url?: string; key?: Buffer } = {}): Promise<Process> {
    const bus = new RedisBus(url);
    const cache = openResponseCache({ redisUrl: url, box: boxOf(key), bus, now: Date.now, times: PATIENT, prefix, ...options });
    const one: Process = { cache: cache.cache, shared: () => cache.shared(), figures: () => cache.figures(), close: () => cache.close(), bus };
    opened.push(one);
    await until(() => cache.shared() === true && bus.connected, 'is connected');
    await bus.settled();
    return one;
  }

  const newPrefix = (): string => `test:cache:${randomBytes(6).toString('hex')}:`;
  const look = async ({ cache }: OpenedResponseCache, slot: CachedAnswer): Promise<CachedAnswer | null> => cache.peek(slot) ?? (await cache.fetch(slot));
  const found = (one: OpenedResponseCache, slot: CachedAnswer): Promise<void> => until(async () => (await look(one, slot)) !== null, 'is found');
  const exactOf = ({ cache }: OpenedResponseCache): ExactCache =>
    new ExactCache({
      cache,
      now: Date.now,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      defer: setImmediate,
      onDefect: (error) => {
        throw error;
      },
    });
  const lookup = (exact: ExactCache, hash: string): Promise<Found> =>
    new Promise((resolve) => void exact.lookup({ customerId: 'acme', hash, surface: 'chat.completions', requestedModel: 'fast', tags: [], ttlMs: 60_000, deadlineAt: Date.now() + 60_000 }, resolve));

  async function withRedis<T>(url: string, run: (redis: ReturnType<typeof createRedis>) => Promise<T>): Promise<T> {
    const redis = createRedis({ url, name: 'test', whenAway: 'wait' });
    try {
      return await run(redis);
    } finally {
      redis.disconnect();
    }
  }

  it('gives one process what another one stored, with its chunks, and no other slot', async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([open(prefix), open(prefix)]);
    const stored = answer({ streamed: true, chunks: ['data: 1\n\n', 'data: [DONE]\n\n'].map((text) => Buffer.from(text)) });
    one.cache.store(stored);
    await found(two, stored);
    expect(two.cache.peek(stored)).toEqual(stored);
    expect(await look(two, { ...stored, customerId: 'other' })).toBeNull();
    const ttl = await withRedis(testRedisUrl(), (redis) => redis.pttl(`${prefix}{acme}:${stored.hash}`));
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(60_000);
  });

  it('lets a process find what was stored before it began', async () => {
    const prefix = newPrefix();
    const one = await open(prefix);
    const stored = answer();
    one.cache.store(stored);
    await found(await open(prefix), stored);
    await until(async () => withRedis(testRedisUrl(), async (redis) => (await redis.exists(`${prefix}{acme}:${stored.hash}`)) === 1), 'is in Redis');
    await found(await open(prefix), stored);
  });

  it('asks Redis nothing about what nobody has stored', async () => {
    const one = await open(newPrefix());
    await until(() => one.cache.fetch(answer()) === null, 'knows what Redis holds');
  });

  it('lets Redis see nothing of an answer, and opens it with this master key only', async () => {
    const prefix = newPrefix();
    const [one, stranger] = await Promise.all([open(prefix), open(prefix, { key: randomBytes(32) })]);
    const stored = answer({ chunks: [Buffer.from('a secret')] });
    one.cache.store(stored);
    await until(async () => {
      await look(stranger, stored);
      return stranger.figures().refused > 0;
    }, 'has tried');
    expect(await look(stranger, stored)).toBeNull();
    const held = await withRedis(testRedisUrl(), (redis) => redis.getBuffer(`${prefix}{acme}:${stored.hash}`));
    expect(held!.includes('secret')).toBe(false);
    expect(held!.includes('nightly')).toBe(false);
  });

  it('refuses what was put into Redis by hand: another slot\'s, another customer\'s, changed, made up, or sealed for another place', async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([open(prefix), open(prefix)]);
    const [mine, theirs, victim] = [answer(), answer({ customerId: 'evil' }), answer()];
    for (const stored of [mine, theirs, victim]) one.cache.store(stored);
    await withRedis(testRedisUrl(), async (redis) => {
      const at = (slot: CachedAnswer): string => `${prefix}{${slot.customerId}}:${slot.hash}`;
      await until(async () => (await redis.exists(at(mine), at(theirs), at(victim))) === 3, 'are in Redis');
      const original = (await redis.getBuffer(at(victim)))!;
      const changed = Buffer.from(original);
      changed[changed.length - 20]! ^= 1;
      const box = boxOf(masterKey);
      const misplaced = box.seal(encodeCached(mine), `acme\n${victim.hash}`, randomBytes(NONCE_BYTES));
      const forgeries = [(await redis.getBuffer(at(mine)))!, (await redis.getBuffer(at(theirs)))!, changed, encodeCached(victim), misplaced, Buffer.alloc(0), Buffer.from('{}'), original.subarray(0, 40)];
      await until(() => two.cache.fetch(victim) !== null, 'has heard of it');
      for (const [i, forged] of forgeries.entries()) {
        await redis.set(at(victim), forged);
        expect(await two.cache.fetch(victim)).toBeNull();
        expect(two.figures().refused).toBe(i + 1);
      }
      await redis.set(at(victim), original);
      expect(await two.cache.fetch(victim)).toEqual(victim);
    });
  });

  it.each([{ all: true as const }, { tag: 'nightly' }, { model: 'fast' }, { model: 'gpt-4o-mini-2024' }])('forgets by %j in all processes, what was under way too, and for this customer alone', async (selector) => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([open(prefix), open(prefix)]);
    const [stored, other] = [answer(), answer({ customerId: 'other' })];
    for (const each of [stored, other]) one.cache.store(each);
    for (const each of [stored, other]) await found(two, each);
    const began = two.cache.epoch('acme');
    const at = performance.now();
    expect(await one.cache.invalidate('acme', selector)).toEqual({ everywhere: true });
    expect(one.cache.peek(stored)).toBeNull();
    await until(() => two.cache.peek(stored) === null, 'the other has heard', 1_000);
    expect(performance.now() - at).toBeLessThan(1_000);
    // Redis still holds it, and nobody takes it.
    expect([await look(one, stored), await look(two, stored)]).toEqual([null, null]);
    expect(two.cache.isCurrent(answer({ epoch: began }))).toBe(false);
    expect([one.cache.peek(other), two.cache.peek(other)]).toEqual([other, other]);
    const anew = { ...stored, epoch: two.cache.epoch('acme') };
    two.cache.store(anew);
    await found(one, anew);
    // One that begins now knows it too.
    const three = await open(prefix);
    expect(three.cache.isCurrent(stored)).toBe(false);
    await found(three, anew);
  });

  it('hears of an invalidation without the bus too', async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([open(prefix, { times: { ...PATIENT, pollMs: 50 } }), open(prefix, { times: { ...PATIENT, pollMs: 50 } })]);
    const stored = answer();
    one.cache.store(stored);
    await found(two, stored);
    one.bus.close();
    await one.cache.invalidate('acme', { key: stored.hash });
    await until(() => two.cache.peek(stored) === null, 'has looked');
  });

  it('remembers a bounded number of selectors, and rather too many answers are gone than too few', async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([open(prefix), open(prefix)]);
    const [stored, untouched] = [answer(), answer({ customerId: 'other' })];
    for (const each of [stored, untouched]) one.cache.store(each);
    await one.cache.invalidate('acme', { tag: 'nightly' });
    await Promise.all(Array.from({ length: MAX_MARKS + 20 }, (_, i) => one.cache.invalidate('acme', { tag: `tag-${i}` })));
    const marks = await withRedis(testRedisUrl(), (redis) => redis.zrange(`${prefix}{acme}:marks`, 0, -1));
    expect(marks.length).toBeLessThanOrEqual(MAX_MARKS);
    expect(marks).toContain('*');
    expect(one.cache.isCurrent(stored)).toBe(false);
    expect(one.cache.isCurrent(untouched)).toBe(true);
    await until(() => !two.cache.isCurrent(stored) && !two.cache.isCurrent(answer({ tags: [`tag-${MAX_MARKS + 19}`] })), 'the other has heard');
    expect(two.cache.isCurrent(untouched)).toBe(true);
  });

  it('keeps answers in the processes only while Redis is fuller than it may be', async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([open(prefix, { sharedBytes: 1 }), open(prefix)]);
    const [stored, shared] = [answer(), answer()];
    // The look at its memory began with the connection, and ends before this one.
    await withRedis(testRedisUrl(), (redis) => redis.info('memory'));
    await one.cache.invalidate('nobody', { all: true });
    one.cache.store(stored);
    two.cache.store(shared);
    await found(one, shared);
    expect(one.cache.peek(stored)).toEqual(stored);
    expect(await look(two, stored)).toBeNull();
  });

  it('goes on in this process while Redis is away, and everywhere when it is back', async () => {
    const server = await startOwnRedis();
    try {
      const prefix = newPrefix();
      const [one, two] = await Promise.all([open(prefix, { url: server.url }), open(prefix, { url: server.url })]);
      const [before, during, tagged] = [answer(), answer(), answer({ tags: ['gone'] })];
      for (const each of [before, tagged]) one.cache.store(each);
      for (const each of [before, tagged]) await found(two, each);
      await server.stop();
      await until(() => one.shared() === false && two.shared() === false, 'the outage is seen');

      expect(one.cache.peek(before)).toEqual(before);
      expect(one.cache.fetch(during)).toBeNull();
      one.cache.store(during);
      expect(one.cache.peek(during)).toEqual(during);
      expect(await one.cache.invalidate('acme', { tag: 'gone' })).toEqual({ everywhere: false });
      expect(one.cache.peek(tagged)).toBeNull();
      // Until its time is known nothing that it meets is kept.
      expect(one.cache.isCurrent(answer({ tags: ['gone'], epoch: one.cache.epoch('acme') }))).toBe(false);
      expect(one.cache.isCurrent(answer({ epoch: one.cache.epoch('acme') }))).toBe(true);
      expect(two.cache.peek(tagged)).toEqual(tagged);

      await server.start();
      await until(() => one.shared() === true && two.shared() === true, 'Redis is back');
      await until(() => two.cache.peek(tagged) === null, 'the other is told at last');
      await until(() => one.cache.isCurrent(answer({ tags: ['gone'], epoch: one.cache.epoch('acme') })), 'its time is known');
      const after = answer();
      one.cache.store(after);
      await found(two, after);
    } finally {
      await closeAll();
      await server.stop();
    }
  });

  it('does not wait for a Redis that hangs: once for no longer than the deadline, then not at all, until it is well', async () => {
    const server = await startOwnRedis();
    let pid = 0;
    try {
      const prefix = newPrefix();
      const one = await open(prefix, { url: server.url, times: { deadlineMs: 20, changeMs: 50, probeMs: 20 } });
      const two = await open(prefix, { url: server.url });
      const known = Array.from({ length: 50 }, () => answer());
      for (const each of known) two.cache.store(each);
      // Of the last one after all others.
      await found(one, known.at(-1)!);
      pid = Number(await withRedis(server.url, async (redis) => /process_id:(\d+)/.exec(await redis.info('server'))![1]));
      process.kill(pid, 'SIGSTOP');

      const exact = exactOf(one);
      const [first, second] = [lookup(exact, known[0]!.hash), lookup(exact, known[1]!.hash)];
      expect([(await first).kind, (await second).kind]).toEqual(['miss', 'miss']);
      for (const each of known.slice(2, -1)) expect(one.cache.fetch(each)).toBeNull();
      expect(one.shared()).toBe(false);
      one.cache.store(known[2]!);
      expect(one.cache.peek(known[2]!)).toEqual(known[2]);
      expect(await one.cache.invalidate('acme', { key: known[2]!.hash })).toEqual({ everywhere: false });
      expect(one.cache.peek(known[2]!)).toBeNull();

      process.kill(pid, 'SIGCONT');
      pid = 0;
      await until(() => one.shared() === true, 'is asked again');
      await found(one, known[3]!);
      await until(() => !two.cache.isCurrent(known[2]!), 'the other is told at last');
    } finally {
      if (pid !== 0) process.kill(pid, 'SIGCONT');
      await closeAll();
      await server.stop();
    }
  });

  it('makes one call of 100 identical requests in one process, and none in the next', async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([open(prefix), open(prefix)]);
    const { hash } = answer();
    let calls = 0;
    const ask = async (exact: ExactCache): Promise<string> => {
      const got = await lookup(exact, hash);
      if (got.kind === 'hit') return Buffer.concat(got.answer.chunks).toString();
      calls++;
      await new Promise(setImmediate);
      if (got.kind === 'miss') got.flight.end(recorded(saying('once')));
      return saying('once');
    };
    const exact = exactOf(one);
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => ask(exact))))).toEqual(new Set([saying('once')]));
    expect(calls).toBe(1);
    await until(async () => withRedis(testRedisUrl(), async (redis) => (await redis.exists(`${prefix}{acme}:${hash}`)) === 1), 'is in Redis');
    await until(() => two.cache.fetch({ customerId: 'acme', hash }) !== null, 'has heard of it');
    const other = exactOf(two);
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => ask(other))))).toEqual(new Set([saying('once')]));
    expect(calls).toBe(1);
    expect(other.counts.hits).toEqual({ memory: 0, shared: 100, flight: 0 });
  });
});
