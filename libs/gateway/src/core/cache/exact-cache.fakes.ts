import { type Surface } from '@apex/usage';
import { ResponseCache } from '../../ports/response-cache.js';
import { scanTopLevel } from '../json/top-level.js';
import { type CachedAnswer, type CacheSlot } from './cached-answer.js';
import { ExactCache, type ExactCacheDeps } from './exact-cache.js';
import { type CacheAsk, type Found, type Flight, type Recorded } from './flight.js';
import { exactKey, type KeyedRequest } from './exact-key.js';
import { type CacheSelector, type Marks, markOf, NO_MARKS } from './selector.js';

type Provider = KeyedRequest['candidates'][number]['target']['provider'];
export const openAi = { name: 'openai', origin: 'https://api.openai.com', basePath: '/v1' } as Provider;

/** An admitted request, as far as its key looks at it. */
export function keyed(body: string, change: { customerId?: string; surface?: Surface; headers?: Record<string, string | string[]>; candidates?: KeyedRequest['candidates'] } = {}): KeyedRequest {
  const bytes = Buffer.from(body);
  const top = scanTopLevel(bytes);
  if (top === null) throw new Error(`not admitted: ${body}`);
  return {
    key: { customerId: change.customerId ?? 'acme' },
    surface: change.surface ?? 'chat.completions',
    headers: change.headers ?? {},
    body: bytes,
    top,
    candidates: change.candidates ?? [{ target: { provider: openAi, model: 'gpt-4o-mini' } }],
  };
}

export const keyOf = (...given: Parameters<typeof keyed>): string => {
  const key = exactKey(keyed(...given));
  if (key === null) throw new Error('has no key');
  return key;
};

export const usage = { promptTokens: 10, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 5, reasoningTokens: 0 };

export const saying = (content: string, finish = 'stop'): string =>
  JSON.stringify({ id: 'c1', choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: finish }] });

export const recorded = (body = saying('hi'), change: Partial<Recorded> = {}): Recorded => ({
  status: 200,
  contentType: 'application/json',
  streamed: false,
  chunks: [Buffer.from(body)],
  ignored: [],
  usage,
  usageSource: 'provider',
  provider: 'openai',
  model: 'gpt-4o-mini-2024',
  ...change,
});

/** A cache of one process, without bounds. */
export class FakeResponseCache extends ResponseCache {
  private readonly answers = new Map<string, CachedAnswer>();
  private readonly marks = new Map<string, Marks>();
  private time = 0;

  peek({ customerId, hash }: CacheSlot): CachedAnswer | null {
    const answer = this.answers.get(`${customerId}:${hash}`) ?? null;
    return answer !== null && this.isCurrent(answer) ? answer : null;
  }

  fetch(_slot: CacheSlot): Promise<CachedAnswer | null> | null {
    return null;
  }

  store(answer: CachedAnswer): void {
    this.answers.set(`${answer.customerId}:${answer.hash}`, answer);
  }

  epoch(customerId: string): number {
    return this.marks.get(customerId)?.epoch ?? 0;
  }

  isCurrent(answer: CachedAnswer): boolean {
    return this.marks.get(answer.customerId)?.isCurrent(answer) ?? true;
  }

  invalidate(customerId: string, selector: CacheSelector): Promise<{ everywhere: boolean }> {
    this.marks.set(customerId, (this.marks.get(customerId) ?? NO_MARKS).with(markOf(selector), ++this.time));
    return Promise.resolve({ everywhere: true });
  }
}

/** An exact cache whose time stands still until it is moved, and which looks at answers at once unless a test brings its own `defer`. */
export function createCacheWorld(deps: Partial<ExactCacheDeps> = {}) {
  const world = {
    now: 1_000_000,
    timers: new Set<{ readonly at: number; readonly run: () => void }>(),
    defects: [] as unknown[],
  };
  const cache: ResponseCache = new FakeResponseCache();
  const exact = new ExactCache({
    cache: deps.cache ?? cache,
    now: () => world.now,
    after: (ms, run) => {
      const timer = { at: world.now + ms, run };
      world.timers.add(timer);
      return () => world.timers.delete(timer);
    },
    defer: (run) => run(),
    onDefect: (error) => world.defects.push(error),
    ...deps,
  });
  const ask = (change: Partial<CacheAsk> = {}): CacheAsk => ({
    customerId: 'acme',
    hash: 'a'.repeat(64),
    surface: 'chat.completions',
    requestedModel: 'gpt-4o-mini',
    tags: [],
    ttlMs: 60_000,
    deadlineAt: world.now + 600_000,
    ...change,
  });
  return {
    ...{ cache: deps.cache ?? cache, exact, ask },
    world,
    advance(ms: number): void {
      world.now += ms;
      for (const timer of [...world.timers].sort((a, b) => a.at - b.at)) if (timer.at <= world.now && world.timers.delete(timer)) timer.run();
    },
    /** What came of it so far. */
    request(change: Partial<CacheAsk> = {}): { found: Found | null; told: number; leave: () => void } {
      const request = { found: null as Found | null, told: 0, leave: () => undefined as void };
      const leave = exact.lookup(ask(change), (found) => {
        request.found = found;
        request.told++;
      });
      request.leave = leave;
      return request;
    },
  };
}

export function flightOf(found: Found | null): Flight {
  if (found?.kind !== 'miss') throw new Error(`not a miss but ${found?.kind}`);
  return found.flight;
}

export function answerOf(found: Found | null): string {
  if (found?.kind !== 'hit') throw new Error(`not a hit but ${found?.kind}`);
  return Buffer.concat(found.answer.chunks).toString();
}
