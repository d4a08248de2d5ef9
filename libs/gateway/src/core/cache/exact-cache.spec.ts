import fc from 'fast-check';
import { ResponseCache } from '../../ports/response-cache.js';
import { type CachedAnswer } from './cached-answer.js';
import { answerOf, createCacheWorld, flightOf, recorded, saying } from './exact-cache.fakes.js';
import { MAX_CACHED_BYTES } from './exact-cache.js';
import { type Found } from './flight.js';

const TRUNCATED = saying('hi', 'length');

describe('ExactCache', () => {
  it('gives an answer again, to this customer and this key only, with all that is known of it', () => {
    const { request } = createCacheWorld();
    flightOf(request({ tags: ['t'] }).found).end(recorded());
    const { found } = request();
    expect(found).toMatchObject({ kind: 'hit', from: 'memory', answer: { ...recorded(), customerId: 'acme', requestedModel: 'gpt-4o-mini', tags: ['t'], storedAt: 1_000_000, expiresAt: 1_060_000 } });
    expect(request({ customerId: 'other' }).found?.kind).toBe('miss');
    expect(request({ hash: 'b'.repeat(64) }).found?.kind).toBe('miss');
  });

  it('keeps no buffer of the connection\'s, only a copy', () => {
    const { request } = createCacheWorld();
    const read = Buffer.alloc(65_536, ' ');
    const chunk = read.subarray(0, read.write(saying('hi')));
    flightOf(request().found).end(recorded('', { chunks: [chunk] }));
    read.fill(0);
    const { found } = request();
    expect(answerOf(found)).toBe(saying('hi'));
    expect(found?.kind === 'hit' && found.answer.chunks[0]!.buffer.byteLength).toBe(saying('hi').length);
  });

  it('does not give what is older than its time to live, nor than the one that holds now', () => {
    const { request, advance } = createCacheWorld();
    flightOf(request({ ttlMs: 10_000 }).found).end(recorded());
    advance(5_000);
    expect(request({ ttlMs: 60_000 }).found?.kind).toBe('hit');
    expect(request({ ttlMs: 4_000 }).found?.kind).toBe('miss');
    advance(5_000);
    expect(request({ ttlMs: 60_000 }).found?.kind).not.toBe('hit');
  });

  it('gives nothing that is older than the operator allows, whatever the policy says', () => {
    const { request, advance } = createCacheWorld({ maxTtlMs: 3_000 });
    flightOf(request({ ttlMs: 60_000 }).found).end(recorded());
    advance(2_999);
    expect(request({ ttlMs: 60_000 }).found).toMatchObject({ kind: 'hit', answer: { expiresAt: 1_003_000 } });
    advance(1);
    expect(request({ ttlMs: 60_000 }).found?.kind).toBe('miss');
  });

  it.each([
    ['truncated', recorded(TRUNCATED)],
    ['refused', recorded(saying('x', 'content_filter'))],
    ['error', recorded('{"error":{}}')],
    ['too_large', recorded(saying('x'.repeat(MAX_CACHED_BYTES)))],
    ['unreadable', recorded('{')],
  ])('does not keep an answer that is %s', (reason, answer) => {
    const { request, exact } = createCacheWorld();
    flightOf(request().found).end(answer);
    expect(request().found?.kind).toBe('miss');
    expect(exact.counts).toMatchObject({ stored: 0, notStored: { [reason]: 1 } });
  });

  it('makes one call for 100 identical requests at once', () => {
    const { request, exact } = createCacheWorld();
    const [first, ...others] = Array.from({ length: 100 }, () => request());
    expect(others.map(({ found }) => found)).toEqual(Array(99).fill(null));
    expect(exact.counts.waiting).toBe(99);
    flightOf(first!.found).end(recorded());
    for (const { found, told } of others) {
      expect([found?.kind === 'hit' && found.from, told]).toEqual(['flight', 1]);
      expect(answerOf(found)).toBe(saying('hi'));
    }
    expect(exact.counts).toMatchObject({ hits: { memory: 0, flight: 99 }, misses: 1, stored: 1, waiting: 0 });
  });

  it('lets requests of other customers and other keys not wait for each other', () => {
    const { request } = createCacheWorld();
    for (const change of [{}, { customerId: 'other' }, { hash: 'b'.repeat(64) }]) expect(request(change).found?.kind).toBe('miss');
  });

  it('lets one after the other take the place of one that was given up', () => {
    const { request } = createCacheWorld();
    const requests = Array.from({ length: 4 }, () => request());
    flightOf(requests[0]!.found).abandon();
    expect(requests.map(({ found }) => found?.kind)).toEqual(['miss', 'miss', undefined, undefined]);
    flightOf(requests[1]!.found).abandon();
    flightOf(requests[2]!.found).end(recorded());
    expect(requests.map(({ found }) => found?.kind)).toEqual(['miss', 'miss', 'miss', 'hit']);
  });

  it('lets all go on at once when an answer cannot be kept, and none wait for a while after', () => {
    const { request, advance } = createCacheWorld();
    const requests = Array.from({ length: 4 }, () => request());
    flightOf(requests[0]!.found).end(recorded(TRUNCATED));
    expect(requests.map(({ found }) => found?.kind)).toEqual(Array(4).fill('miss'));
    expect([request().found?.kind, request().found?.kind]).toEqual(['miss', 'miss']);
    // One of them may be luckier.
    flightOf(requests[2]!.found).end(recorded());
    expect(request().found?.kind).toBe('hit');
    // Nobody has heard of the first two ever since.
    advance(700_000);
    expect([request().found?.kind, request().found]).toEqual(['miss', null]);
  });

  it('does the same when there is no answer at all', () => {
    const { request } = createCacheWorld();
    const requests = Array.from({ length: 3 }, () => request());
    flightOf(requests[0]!.found).end(null);
    expect(requests.map(({ found }) => found?.kind)).toEqual(['miss', 'miss', 'miss']);
  });

  it('waits no longer than a request\'s own deadline, nor than is reasonable', () => {
    const { request, advance, ask, world } = createCacheWorld({ maxWaitMs: 30_000 });
    const first = request({ deadlineAt: ask().deadlineAt });
    const hurried = request({ deadlineAt: world.now + 1_000 });
    const patient = request();
    advance(1_000);
    expect([hurried.found, patient.found]).toEqual([{ kind: 'late' }, null]);
    advance(29_000);
    expect(patient.found?.kind).toBe('miss');
    flightOf(patient.found).end(recorded());
    expect(request().found?.kind).toBe('hit');
    flightOf(first.found).end(recorded(saying('later')));
    expect([hurried.told, patient.told]).toEqual([1, 1]);
  });

  it('tells nothing to those who have left, and goes on with the rest', () => {
    const { request, exact } = createCacheWorld();
    const [first, second, third] = [request(), request(), request()];
    second.leave();
    second.leave();
    flightOf(first.found).abandon();
    expect([second.found, third.found?.kind]).toEqual([null, 'miss']);
    third.leave();
    flightOf(third.found).end(recorded());
    expect([second.told, third.told, exact.counts.waiting]).toEqual([0, 1, 0]);
  });

  it('is not stopped by one that never says what became of it', () => {
    const { request, advance, world } = createCacheWorld();
    request({ deadlineAt: world.now + 1_000 });
    advance(11_001);
    const next = request();
    expect(next.found?.kind).toBe('miss');
    const waiting = request();
    flightOf(next.found).end(recorded());
    expect(waiting.found?.kind).toBe('hit');
  });

  it('hears only the first word of a flight', () => {
    const { request } = createCacheWorld();
    const [first, second, third] = [request(), request(), request()];
    const flight = flightOf(first.found);
    flight.abandon();
    flight.end(recorded(saying('from the dead')));
    flight.abandon();
    expect([second.found?.kind, third.found]).toEqual(['miss', null]);
  });

  it('gives nobody an answer that was under way at an invalidation', async () => {
    const { request, cache } = createCacheWorld();
    const [first, before] = [request({ tags: ['t'] }), request({ tags: ['t'] })];
    await cache.invalidate('acme', { tag: 't' });
    const after = request({ tags: ['t'] });
    flightOf(first.found).end(recorded(saying('stale')));
    expect([before.found?.kind, after.found]).toEqual(['miss', null]);
    flightOf(before.found).end(recorded(saying('fresh')));
    expect(answerOf(after.found)).toBe(saying('fresh'));
    expect(answerOf(request().found)).toBe(saying('fresh'));
  });

  it.each([{ all: true as const }, { tag: 't' }, { model: 'gpt-4o-mini' }, { model: 'gpt-4o-mini-2024' }, { key: 'a'.repeat(64) }])('forgets by %j, for this customer alone', async (selector) => {
    const { request, cache } = createCacheWorld();
    for (const customerId of ['acme', 'other']) flightOf(request({ tags: ['t'], customerId }).found).end(recorded());
    expect(await cache.invalidate('acme', { tag: 'another' })).toEqual({ everywhere: true });
    expect(request().found?.kind).toBe('hit');
    await cache.invalidate('acme', selector);
    expect(request({ customerId: 'other' }).found?.kind).toBe('hit');
    const again = request({ tags: ['t'] });
    flightOf(again.found).end(recorded(saying('anew')));
    expect(answerOf(request().found)).toBe(saying('anew'));
  });

  it('survives a caller that throws', () => {
    const { exact, ask, request, world } = createCacheWorld();
    const first = request();
    exact.lookup(ask(), () => {
      throw new Error('a defect');
    });
    const third = request();
    flightOf(first.found).end(recorded());
    expect(third.found?.kind).toBe('hit');
    expect(world.defects).toEqual([new Error('a defect')]);
  });

  describe('in any interleaving', () => {
    /** Answers after a while, in any order; what it holds was stored by another process. */
    const scheduledCache = (scheduler: fc.Scheduler, inner: ResponseCache, shared: () => CachedAnswer | null): ResponseCache =>
      new (class extends ResponseCache {
        peek = inner.peek.bind(inner);
        store = inner.store.bind(inner);
        epoch = inner.epoch.bind(inner);
        isCurrent = inner.isCurrent.bind(inner);
        invalidate = inner.invalidate.bind(inner);
        async fetch(): Promise<CachedAnswer | null> {
          await scheduler.schedule(Promise.resolve());
          const answer = shared();
          return answer !== null && inner.isCurrent(answer) ? answer : null;
        }
      })();

    it('of 100 identical requests one calls the provider, and all get its answer', async () => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 20 }), async (scheduler, bursts) => {
          const { cache } = createCacheWorld();
          const { request } = createCacheWorld({ cache: scheduledCache(scheduler, cache, () => null), defer: (run) => void scheduler.schedule(Promise.resolve()).then(run) });
          let calls = 0;
          const answers: Promise<string>[] = [];
          const one = (): Promise<string> =>
            new Promise((resolve) => {
              const asked = request();
              const look = async (): Promise<void> => {
                while (asked.found === null) await scheduler.schedule(Promise.resolve());
                if (asked.found.kind !== 'miss') return resolve(answerOf(asked.found));
                calls++;
                await scheduler.schedule(Promise.resolve());
                asked.found.flight.end(recorded(saying('once')));
                resolve(saying('once'));
              };
              void look();
            });
          for (let i = 0; i < bursts; i++) answers.push(scheduler.schedule(Promise.resolve()).then(one));
          answers.push(...Array.from({ length: 100 - bursts }, one));
          const all = Promise.all(answers);
          await scheduler.waitFor(all);
          expect(calls).toBe(1);
          expect(new Set(await all)).toEqual(new Set([saying('once')]));
        }),
        { numRuns: 30 },
      );
    });

    it('everybody is told once, nobody gets what is another\'s or older than an invalidation, and at most one flies unless it cannot be shared', async () => {
      const step = fc.record({
        customerId: fc.constantFrom('acme', 'other'),
        key: fc.constantFrom('a', 'b'),
        ends: fc.constantFrom('good', 'good', 'good', 'truncated', 'error', 'abandon'),
        leaves: fc.constantFrom(false, false, true),
        invalidates: fc.constantFrom(false, false, false, true),
      });
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 1, maxLength: 14 }), async (scheduler, steps) => {
          const { cache } = createCacheWorld();
          const { request, exact, world } = createCacheWorld({ cache: scheduledCache(scheduler, cache, () => null), defer: (run) => void scheduler.schedule(Promise.resolve()).then(run) });
          const flying = new Map<string, number>();
          let mayFlyTogether = false;
          let clock = 0;
          const invalidatedAt = new Map<string, number>();
          const runs = steps.map(async ({ customerId, key, ends, leaves, invalidates }) => {
            await scheduler.schedule(Promise.resolve());
            const id = customerId + key;
            if (invalidates) {
              invalidatedAt.set(customerId, ++clock);
              await cache.invalidate(customerId, { all: true });
            }
            const since = invalidatedAt.get(customerId) ?? 0;
            const asked = request({ customerId, hash: key.repeat(64) });
            if (leaves) {
              await scheduler.schedule(Promise.resolve());
              const before: Found | null = asked.found;
              asked.leave();
              if (before === null) {
                await scheduler.schedule(Promise.resolve());
                expect(asked.told).toBe(0);
                return;
              }
            }
            while (asked.found === null) await scheduler.schedule(Promise.resolve());
            if (asked.found.kind === 'hit') {
              const [from, at] = answerOf(asked.found).match(/<(\w+):(\d+)>/)!.slice(1);
              expect(from).toBe(id);
              expect(Number(at)).toBeGreaterThanOrEqual(since);
            } else {
              const began = invalidatedAt.get(customerId) ?? 0;
              flying.set(id, (flying.get(id) ?? 0) + 1);
              if (!mayFlyTogether) expect(flying.get(id)).toBe(1);
              await scheduler.schedule(Promise.resolve());
              flying.set(id, flying.get(id)! - 1);
              const flight = flightOf(asked.found);
              if (ends === 'abandon') flight.abandon();
              else {
                if (ends !== 'good') mayFlyTogether = true;
                flight.end(ends === 'error' ? null : recorded(saying(`<${id}:${began}>`, ends === 'good' ? 'stop' : 'length')));
              }
            }
            expect(asked.told).toBe(1);
          });
          await scheduler.waitFor(Promise.all(runs));
          expect(exact.counts.waiting).toBe(0);
          expect(world.timers.size).toBe(0);
          expect(world.defects).toEqual([]);
        }),
        { numRuns: 500 },
      );
    });

    it('one question to the shared store serves all who come meanwhile', async () => {
      const { cache, request: store } = createCacheWorld();
      flightOf(store().found).end(recorded());
      const held = cache.peek({ customerId: 'acme', hash: 'a'.repeat(64) });
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), async (scheduler) => {
          let questions = 0;
          const { request } = createCacheWorld({
            cache: scheduledCache(scheduler, createCacheWorld().cache, () => {
              questions++;
              return held;
            }),
          });
          const [first, second] = [request(), request()];
          first.leave();
          await scheduler.waitAll();
          const third = request();
          await scheduler.waitAll();
          expect([first.told, answerOf(second.found), answerOf(third.found)]).toEqual([0, saying('hi'), saying('hi')]);
          expect(questions).toBe(2);
        }),
        { numRuns: 5 },
      );
    });
  });
});
