import { type AttemptRow, type AttemptStatus, type UsageRecordRow } from '@apex/usage';
import { type Distribution, newDistribution, record as count } from './distribution.js';
import { modelFamily } from './model-family.js';

/** Upper bounds in milliseconds: from a cached answer to a long reasoning stream. */
export const DURATION_BOUNDS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000] as const;
/** What Apex itself adds is a matter of milliseconds; the rest says how far from well it is. */
export const ADDED_BOUNDS = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000] as const;

export interface TrafficLabels {
  readonly surface: string;
  readonly path: string;
  readonly provider: string;
  readonly stream: string;
}

/** What was counted of the requests of one kind. */
export interface Traffic {
  readonly labels: TrafficLabels;
  /** Counts by status and, within it, by HTTP status; 0 stands for none. */
  readonly requests: Map<string, Map<number, number>>;
  attempts: number;
  unpriced: number;
  promptTokens: number;
  completionTokens: number;
  /** A double: exact to $9,007, then good to 15 digits. The books are exact; this is a gauge of them. */
  costPicodollars: number;
}

export interface TimesLabels {
  readonly surface: string;
  readonly model_family: string;
  readonly status_class: string;
  readonly stream: string;
}

/** How long the requests of one kind took. */
export interface Times {
  readonly labels: TimesLabels;
  readonly duration: Distribution;
  readonly firstByte: Distribution;
}

/** What was counted of the calls to one provider. */
export interface Calls {
  readonly provider: string;
  readonly durations: Readonly<Record<AttemptStatus, Distribution>>;
  /** By HTTP status, or by what went wrong where there was none. */
  readonly results: Map<string | number, number>;
  retries: number;
  fallbacks: number;
  hedges: number;
}

/** Providers are configured and the other labels are ours, so these are never reached; should they be, the rest is `other`. */
const MAX_SERIES = 1_024;
const MAX_PROVIDERS = 128;
const MAX_DISTINCT = 64;
const OTHER = 'other';
const NONE = 'none';

const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/**
 * Counts requests in plain numbers; the registry asks for them when it is scraped. No text is made on the way: every
 * look-up is by a string or a small number that exists already.
 */
export class RequestLedger {
  readonly traffic: Traffic[] = [];
  readonly times: Times[] = [];
  readonly calls: Calls[] = [];
  /** Refusals of our own, by their code. */
  readonly denials = new Map<string, number>();
  /** Between the request's arrival and its answer, without the provider's part; of requests with exactly one attempt. */
  readonly added = newDistribution(ADDED_BOUNDS);

  /** By provider, then surface; in the slot of path and stream. */
  private readonly trafficIndex = new Map<string | null, Map<string, (Traffic | undefined)[]>>();
  /** By surface, then family; in the slot of status class and stream. */
  private readonly timesIndex = new Map<string, Map<string, (Times | undefined)[]>>();
  private readonly callsIndex = new Map<string, Calls>();
  private otherTraffic: Traffic | null = null;
  private otherTimes: Times | null = null;
  private otherCalls: Calls | null = null;

  observe(record: UsageRecordRow, attempts: readonly AttemptRow[]): void {
    const traffic = this.trafficOf(record);
    countOutcome(traffic, record.status, record.http_status ?? 0);
    traffic.attempts += record.attempts;
    traffic.promptTokens += record.prompt_tokens;
    traffic.completionTokens += record.completion_tokens;
    traffic.costPicodollars += record.cost_pd;
    if (record.pricing === 'unpriced') traffic.unpriced++;

    const duration = record.duration_ms ?? 0;
    const times = this.timesOf(record);
    count(times.duration, DURATION_BOUNDS, duration);
    if (record.first_byte_ms !== null) count(times.firstByte, DURATION_BOUNDS, record.first_byte_ms);
    if (record.status === 'denied') increase(this.denials, record.error_code ?? NONE);
    if (attempts.length === 1) count(this.added, ADDED_BOUNDS, duration - (attempts[0]!.duration_ms ?? duration));

    for (let i = 0; i < attempts.length; i++) this.observeAttempt(attempts[i]!, i === 0 ? null : attempts[i - 1]!);
  }

  private observeAttempt(attempt: AttemptRow, before: AttemptRow | null): void {
    const calls = this.callsIndex.get(attempt.provider) ?? this.addCalls(attempt.provider);
    count(calls.durations[attempt.status], DURATION_BOUNDS, attempt.duration_ms ?? 0);
    increase(calls.results, attempt.http_status ?? attempt.error_code ?? NONE);
    if (before === null) return;
    if (overlaps(before, attempt)) calls.hedges++;
    else if (before.provider === attempt.provider && before.model === attempt.model) calls.retries++;
    else calls.fallbacks++;
  }

  private trafficOf(record: UsageRecordRow): Traffic {
    const slot = (record.path === 'gateway' ? 0 : 2) + (record.stream ? 1 : 0);
    return this.trafficIndex.get(record.provider)?.get(record.surface)?.[slot] ?? this.addTraffic(record, slot);
  }

  private timesOf(record: UsageRecordRow): Times {
    const family = modelFamily(record.served_model ?? record.requested_model);
    const slot = 2 * statusClass(record.http_status) + (record.stream ? 1 : 0);
    return this.timesIndex.get(record.surface)?.get(family)?.[slot] ?? this.addTimes(record, family, slot);
  }

  private addTraffic({ surface, path, provider, stream }: UsageRecordRow, slot: number): Traffic {
    if (this.traffic.length >= MAX_SERIES) {
      if (this.otherTraffic === null) this.traffic.push((this.otherTraffic = newTraffic({ surface: OTHER, path: OTHER, provider: OTHER, stream: OTHER })));
      return this.otherTraffic;
    }
    const traffic = newTraffic({ surface, path, provider: provider ?? NONE, stream: String(stream) });
    const bySurface = this.trafficIndex.get(provider) ?? new Map<string, (Traffic | undefined)[]>();
    const slots = bySurface.get(surface) ?? Array<Traffic | undefined>(4).fill(undefined);
    slots[slot] = traffic;
    this.trafficIndex.set(provider, bySurface.set(surface, slots));
    this.traffic.push(traffic);
    return traffic;
  }

  private addTimes({ surface, http_status, stream }: UsageRecordRow, family: string, slot: number): Times {
    if (this.times.length >= MAX_SERIES) {
      if (this.otherTimes === null) this.times.push((this.otherTimes = newTimes({ surface: OTHER, model_family: OTHER, status_class: OTHER, stream: OTHER })));
      return this.otherTimes;
    }
    const times = newTimes({ surface, model_family: family, status_class: STATUS_CLASSES[statusClass(http_status)]!, stream: String(stream) });
    const byFamily = this.timesIndex.get(surface) ?? new Map<string, (Times | undefined)[]>();
    const slots = byFamily.get(family) ?? Array<Times | undefined>(2 * STATUS_CLASSES.length).fill(undefined);
    slots[slot] = times;
    this.timesIndex.set(surface, byFamily.set(family, slots));
    this.times.push(times);
    return times;
  }

  private addCalls(provider: string): Calls {
    if (this.calls.length >= MAX_PROVIDERS) {
      if (this.otherCalls === null) this.calls.push((this.otherCalls = newCalls(OTHER)));
      return this.otherCalls;
    }
    const calls = newCalls(provider);
    this.callsIndex.set(provider, calls);
    this.calls.push(calls);
    return calls;
  }
}

/** 499, for a client that has left, is a 4xx like any other. */
const statusClass = (status: number | null): number => (status === null || status < 100 || status > 599 ? 0 : Math.floor(status / 100));

/** Asked while the one before it was still under way: to be faster than that. */
const overlaps = (before: AttemptRow, attempt: AttemptRow): boolean => Date.parse(attempt.started_at) < Date.parse(before.started_at) + (before.duration_ms ?? 0);

const newTraffic = (labels: TrafficLabels): Traffic => ({ labels, requests: new Map(), attempts: 0, unpriced: 0, promptTokens: 0, completionTokens: 0, costPicodollars: 0 });

const newTimes = (labels: TimesLabels): Times => ({ labels, duration: newDistribution(DURATION_BOUNDS), firstByte: newDistribution(DURATION_BOUNDS) });

const newCalls = (provider: string): Calls => ({
  provider,
  durations: { final: newDistribution(DURATION_BOUNDS), failed: newDistribution(DURATION_BOUNDS), aborted: newDistribution(DURATION_BOUNDS), interrupted: newDistribution(DURATION_BOUNDS) },
  results: new Map(),
  retries: 0,
  fallbacks: 0,
  hedges: 0,
});

function countOutcome({ requests }: Traffic, status: string, httpStatus: number): void {
  let byHttpStatus = requests.get(status);
  if (byHttpStatus === undefined) requests.set(status, (byHttpStatus = new Map()));
  const before = byHttpStatus.get(httpStatus);
  if (before !== undefined) byHttpStatus.set(httpStatus, before + 1);
  else if (byHttpStatus.size < MAX_DISTINCT) byHttpStatus.set(httpStatus, 1);
  else byHttpStatus.set(0, (byHttpStatus.get(0) ?? 0) + 1);
}

function increase<K extends string | number>(counts: Map<K | string, number>, key: K): void {
  const before = counts.get(key);
  if (before !== undefined) counts.set(key, before + 1);
  else if (counts.size < MAX_DISTINCT) counts.set(key, 1);
  else counts.set(OTHER, (counts.get(OTHER) ?? 0) + 1);
}
