import { type Pricing, type RecordStatus, type Surface } from '@apex/usage';

/** One finished request, as far as it is counted. Model names are not in it: callers invent them. */
export interface RequestObservation {
  readonly surface: Surface;
  readonly path: 'gateway' | 'direct';
  /** A configured provider's name; null when none was reached. */
  readonly provider: string | null;
  readonly status: RecordStatus;
  readonly httpStatus: number | null;
  readonly stream: boolean;
  readonly durationMs: number;
  /** Null when there was no first byte. */
  readonly firstByteMs: number | null;
  readonly attempts: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costPicodollars: number;
  readonly pricing: Pricing;
}

/** Upper bounds in seconds: from a cached answer to a long reasoning stream. */
export const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] as const;

/** Counts of durations. `counts` is not cumulative; its last slot is for what is above every bound. */
export interface Distribution {
  readonly counts: Float64Array;
  sumMs: number;
}

export interface SeriesLabels {
  readonly surface: string;
  readonly path: string;
  readonly provider: string;
  readonly stream: string;
}

/** What was counted under one set of labels. */
export interface Series {
  readonly labels: SeriesLabels;
  /** Counts by status and, within it, by HTTP status; 0 stands for none. */
  readonly requests: Map<string, Map<number, number>>;
  readonly duration: Distribution;
  readonly firstByte: Distribution;
  attempts: number;
  unpriced: number;
  promptTokens: number;
  completionTokens: number;
  /** A double: exact to $9,007, then good to 15 digits. The books are exact; this is a gauge of them. */
  costPicodollars: number;
}

/** Labels come from configuration, so these are never reached; should they be, the rest is counted as `other`. */
const MAX_SERIES = 512;
const MAX_HTTP_STATUSES = 64;
const OTHER = 'other';

/**
 * Counts requests in plain numbers; the registry asks for them when it is scraped. No text is made on the way: every
 * look-up is by a string or a small number that exists already.
 */
export class RequestLedger {
  private readonly all: Series[] = [];
  /** By provider, then surface; in the slot of path and stream. */
  private readonly index = new Map<string | null, Map<string, (Series | undefined)[]>>();
  private other: Series | null = null;

  observe(observation: RequestObservation): void {
    const series = this.seriesFor(observation);
    countOutcome(series, observation.status, observation.httpStatus ?? 0);
    record(series.duration, observation.durationMs);
    if (observation.firstByteMs !== null) record(series.firstByte, observation.firstByteMs);
    series.attempts += observation.attempts;
    series.promptTokens += observation.promptTokens;
    series.completionTokens += observation.completionTokens;
    series.costPicodollars += observation.costPicodollars;
    if (observation.pricing === 'unpriced') series.unpriced++;
  }

  series(): readonly Series[] {
    return this.all;
  }

  private seriesFor(observation: RequestObservation): Series {
    const slot = (observation.path === 'gateway' ? 0 : 2) + (observation.stream ? 1 : 0);
    return this.index.get(observation.provider)?.get(observation.surface)?.[slot] ?? this.addSeries(observation, slot);
  }

  private addSeries({ surface, path, provider, stream }: RequestObservation, slot: number): Series {
    if (this.all.length >= MAX_SERIES) {
      if (this.other === null) this.all.push((this.other = newSeries({ surface: OTHER, path: OTHER, provider: OTHER, stream: OTHER })));
      return this.other;
    }
    const series = newSeries({ surface, path, provider: provider ?? 'none', stream: String(stream) });
    const bySurface = this.index.get(provider) ?? new Map<string, (Series | undefined)[]>();
    const slots = bySurface.get(surface) ?? [undefined, undefined, undefined, undefined];
    slots[slot] = series;
    this.index.set(provider, bySurface.set(surface, slots));
    this.all.push(series);
    return series;
  }
}

const newSeries = (labels: SeriesLabels): Series => ({
  labels,
  requests: new Map(),
  duration: newDistribution(),
  firstByte: newDistribution(),
  attempts: 0,
  unpriced: 0,
  promptTokens: 0,
  completionTokens: 0,
  costPicodollars: 0,
});

const newDistribution = (): Distribution => ({ counts: new Float64Array(SECONDS.length + 1), sumMs: 0 });

function record(distribution: Distribution, ms: number): void {
  // A clock that was set back must not spoil the sums.
  const value = ms > 0 ? ms : 0;
  let bucket = 0;
  while (bucket < SECONDS.length && value > (SECONDS[bucket] as number) * 1_000) bucket++;
  distribution.counts[bucket] = (distribution.counts[bucket] as number) + 1;
  distribution.sumMs += value;
}

function countOutcome({ requests }: Series, status: string, httpStatus: number): void {
  let byHttpStatus = requests.get(status);
  if (byHttpStatus === undefined) requests.set(status, (byHttpStatus = new Map()));
  const count = byHttpStatus.get(httpStatus);
  if (count !== undefined) byHttpStatus.set(httpStatus, count + 1);
  else if (byHttpStatus.size < MAX_HTTP_STATUSES) byHttpStatus.set(httpStatus, 1);
  else byHttpStatus.set(0, (byHttpStatus.get(0) ?? 0) + 1);
}
