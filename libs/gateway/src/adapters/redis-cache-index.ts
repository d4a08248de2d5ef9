import { type Bus } from '@apex/queue';
import { FILTERED_DIGITS, KeyFilter } from '../core/cache/key-filter.js';
import { type RedisCacheLink } from './redis-cache-link.js';

export const STORED_CHANNEL = 'exact-cache-stored';

export interface CacheIndexTimes {
  /** Keys are told to the other processes together, after so long, in ms. */
  readonly tellMs: number;
  /** How often what is known is gathered anew: answers expire, and a message may be lost. */
  readonly gatherMs: number;
  /** How often the bus is looked at. */
  readonly watchMs: number;
}

const DEFAULT_TIMES: CacheIndexTimes = { tellMs: 25, gatherMs: 600_000, watchMs: 500 };
const PAGE = 500;

/**
 * What Redis holds, as far as this process must know to spare itself the question: most requests are asked for the first
 * time, and that is known here. Keys are gathered once, and then heard of on the bus when they are stored. While there is
 * no knowing, every key may be held. Where this is wrong, an answer is not found that is there, and the provider is called.
 */
export class RedisCacheIndex {
  private filter: KeyFilter | null = null;
  /** The next one, while it is gathered. */
  private gathering: KeyFilter | null = null;
  private untold: string[] = [];
  private telling: NodeJS.Timeout | null = null;
  private readonly timers: NodeJS.Timeout[];
  private readonly unsubscribe: () => void;
  private readonly times: CacheIndexTimes;

  constructor(
    private readonly link: RedisCacheLink,
    private readonly bus: Bus,
    private readonly prefix: string,
    times: Partial<CacheIndexTimes> = {},
  ) {
    this.times = { ...DEFAULT_TIMES, ...times };
    this.unsubscribe = bus.subscribe(STORED_CHANNEL, (message) => {
      for (let at = 0; at + FILTERED_DIGITS <= message.length; at += FILTERED_DIGITS) this.learn(message.slice(at, at + FILTERED_DIGITS));
    });
    this.timers = [setInterval(() => void this.gather(), this.times.gatherMs).unref(), setInterval(() => this.watchBus(), this.times.watchMs).unref()];
    link.redis.on('ready', () => void this.gather());
    link.redis.on('close', () => (this.filter = null));
  }

  mayHold(hash: string): boolean {
    return this.filter === null || this.filter.mayHold(hash);
  }

  /** It is in Redis now. */
  stored(hash: string): void {
    this.learn(hash);
    this.untold.push(hash.slice(0, FILTERED_DIGITS));
    this.telling ??= setTimeout(() => this.tell(), this.times.tellMs).unref();
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    if (this.telling !== null) clearTimeout(this.telling);
    this.unsubscribe();
  }

  private busIsAway(): boolean {
    return this.bus.connected === false;
  }

  private tell(): void {
    const message = this.untold.join('');
    this.untold = [];
    this.telling = null;
    void this.bus.publish(STORED_CHANNEL, message);
  }

  private learn(hash: string): void {
    this.filter?.add(hash);
    this.gathering?.add(hash);
  }

  /** What was said while the bus was away has to be gathered. */
  private watchBus(): void {
    if (this.busIsAway()) this.filter = null;
    else if (this.filter === null && this.gathering === null) void this.gather();
  }

  private async gather(): Promise<void> {
    const { redis } = this.link;
    if (this.gathering !== null || redis.status !== 'ready' || this.busIsAway()) return;
    const next = new KeyFilter();
    this.gathering = next;
    try {
      let cursor = '0';
      do {
        const [following, keys] = await redis.scan(cursor, 'MATCH', `${this.prefix}{*`, 'COUNT', PAGE);
        for (const key of keys) next.add(key.slice(-64));
        cursor = following;
      } while (cursor !== '0');
      // The bus may have been away meanwhile, and then something was not heard.
      if (!this.busIsAway()) this.filter = next;
    } catch {
      // Redis is away: with its return all begins anew.
    } finally {
      this.gathering = null;
    }
  }
}
