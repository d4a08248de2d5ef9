import { type Bus } from '@apex/queue';
import { type CacheSelector, type Selectable, Marks, NO_MARKS, markOf } from '../core/cache/selector.js';
import { CacheMarks } from './cache-marks.js';
import { type RedisCacheLink } from './redis-cache-link.js';

export const CACHE_CHANNEL = 'exact-cache';

/** Longer than any answer is kept. */
const KEEP_MICROS = 31 * 86_400 * 1_000_000;
/** What was marked at about the same time may have been written down in another order. */
const OVERLAP_MICROS = 10_000_000;
const PAGE = 500;

/**
 * All processes' invalidations, in Redis. Each customer's are marked in one step; then it is written down that there is
 * something new of this customer, and said on the bus. Who has missed that looks by itself.
 *
 * What cannot be told to Redis now holds in this process at once, and is told later. Until then nothing that it meets is
 * kept or given here: its time is not known yet.
 */
export class RedisCacheMarks extends CacheMarks {
  private readonly untold = new Map<string, Marks>();
  /** For each customer, as of when its marks have been read. */
  private readonly readAsOf = new Map<string, string>();
  private since = 0;
  private loaded = false;
  private looking: Promise<void> | null = null;
  private readonly poll: NodeJS.Timeout;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly link: RedisCacheLink,
    private readonly bus: Bus,
    now: () => number,
    private readonly prefix = 'apex:cache:',
  ) {
    super(now);
    this.unsubscribe = bus.subscribe(CACHE_CHANNEL, () => void this.look());
    this.poll = setInterval(() => void this.look(), link.times.pollMs).unref();
    link.redis.on('ready', () => void this.look());
  }

  override get ready(): boolean {
    return this.loaded;
  }

  override isCurrent(answer: Selectable & { readonly customerId: string }): boolean {
    return super.isCurrent(answer) && (this.untold.size === 0 || (this.untold.get(answer.customerId)?.isCurrent(answer) ?? true));
  }

  override async invalidate(customerId: string, selector: CacheSelector): Promise<boolean> {
    const mark = markOf(selector);
    this.untold.set(customerId, (this.untold.get(customerId) ?? NO_MARKS).with(mark, Infinity));
    return this.tell(customerId, mark);
  }

  /** Resolves when what was in Redis before is known here; at once while it is away. */
  look(): Promise<void> {
    if (this.link.redis.status !== 'ready') return Promise.resolve();
    this.looking ??= this.read()
      .catch(() => undefined)
      .finally(() => (this.looking = null));
    return this.looking;
  }

  close(): void {
    clearInterval(this.poll);
    this.unsubscribe();
  }

  private async tell(customerId: string, mark: string): Promise<boolean> {
    const { link } = this;
    if (link.redis.status !== 'ready') return false;
    const told = await link.patiently(this.write(customerId, mark));
    if (told !== true) return false;
    await this.bus.publish(CACHE_CHANNEL, customerId);
    return true;
  }

  private async write(customerId: string, mark: string): Promise<true> {
    const { link } = this;
    const time = await link.mark(this.marksKey(customerId), mark, KEEP_MICROS, this.epoch(customerId));
    await link.redis.zadd(this.changedKey, time, customerId);
    void link.redis.zremrangebyscore(this.changedKey, '-inf', Number(time) - KEEP_MICROS).catch(() => undefined);
    this.learn(customerId, mark, Number(time));
    const left = [...(this.untold.get(customerId)?.entries() ?? [])].filter(([other]) => other !== mark);
    if (left.length === 0) this.untold.delete(customerId);
    else this.untold.set(customerId, new Marks(left));
    return true;
  }

  private async read(): Promise<void> {
    const { redis } = this.link;
    for (const [customerId, marks] of [...this.untold]) for (const [mark] of marks.entries()) await this.tell(customerId, mark);
    let from = String(Math.max(0, this.since - OVERLAP_MICROS));
    for (;;) {
      const changed = await redis.zrangebyscore(this.changedKey, from, '+inf', 'WITHSCORES', 'LIMIT', 0, PAGE);
      for (let i = 0; i < changed.length; i += 2) await this.readOne(changed[i]!, changed[i + 1]!);
      if (changed.length < 2 * PAGE) break;
      from = changed.at(-1)!;
    }
    this.loaded = true;
  }

  private async readOne(customerId: string, asOf: string): Promise<void> {
    if (this.readAsOf.get(customerId) === asOf) return;
    const rows = await this.link.redis.zrange(this.marksKey(customerId), 0, -1, 'WITHSCORES');
    const times: [string, number][] = [];
    for (let i = 0; i < rows.length; i += 2) times.push([rows[i]!, Number(rows[i + 1])]);
    this.known.set(customerId, (this.known.get(customerId) ?? NO_MARKS).and(new Marks(times)));
    this.readAsOf.set(customerId, asOf);
    this.since = Math.max(this.since, Number(asOf));
  }

  private marksKey(customerId: string): string {
    return `${this.prefix}{${customerId}}:marks`;
  }

  private get changedKey(): string {
    return `${this.prefix}changed`;
  }
}
