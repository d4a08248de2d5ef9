import { median, medianRatio } from '../gateway/stats.js';

/** One load on Apex with so many processes. */
export interface WorkerRun {
  readonly requestsPerSecond: number;
  /** User and system time of all of Apex's processes for a request, recording included. */
  readonly cpuUs: number;
  /** Cores that Apex kept busy. */
  readonly apexCores: number;
  /** Cores that load, upstream, stores and everybody else kept busy. */
  readonly otherCores: number;
  /** Cores that nobody used. */
  readonly idleCores: number;
}

/** Medians over the rounds, and what two processes do against one. Ratios are taken inside each round. */
export interface Speedup {
  readonly one: WorkerRun;
  readonly two: WorkerRun;
  /** Requests per second, two against one, as measured. */
  readonly measured: number;
  /** Requests for each second of Apex's CPU time, two against one: below 1, they stand in each other's way. */
  readonly efficiency: number;
  /** What two cores' worth of CPU time does against one core's worth: 2 x `efficiency`. */
  readonly perCore: number;
  /** Why these say nothing about what two cores of its own would do; empty: they do. */
  readonly doubts: readonly string[];
}

/** A process that is the limit keeps its core, or its share of one, this busy. */
const SATURATED = 0.9;
/** Of two cores: more than this unused means that something else than CPU time was the limit. */
const IDLE_CORES = 0.2;

/**
 * @param share of a core that each process may have; null: what it gets beside all others
 * @throws RangeError when the rounds do not pair up, or there are none
 */
export function speedupOf(one: readonly WorkerRun[], two: readonly WorkerRun[], share: number | null = null): Speedup {
  const efficiency = medianRatio(one.map(({ cpuUs }) => cpuUs), two.map(({ cpuUs }) => cpuUs));
  const middle = { one: middleOf(one), two: middleOf(two) };
  return {
    ...middle,
    measured: medianRatio(two.map(({ requestsPerSecond }) => requestsPerSecond), one.map(({ requestsPerSecond }) => requestsPerSecond)),
    efficiency,
    perCore: 2 * efficiency,
    doubts: [
      ...(middle.one.apexCores < SATURATED * (share ?? 1) ? [`one process used ${middle.one.apexCores.toFixed(2)} of a core: CPU time was not its limit`] : []),
      ...(share === null && middle.two.idleCores > IDLE_CORES ? [`with two processes ${middle.two.idleCores.toFixed(2)} cores were idle: CPU time was not the limit`] : []),
    ],
  };
}

function middleOf(runs: readonly WorkerRun[]): WorkerRun {
  const of = (pick: (run: WorkerRun) => number): number => median(runs.map(pick));
  return {
    requestsPerSecond: of(({ requestsPerSecond }) => requestsPerSecond),
    cpuUs: of(({ cpuUs }) => cpuUs),
    apexCores: of(({ apexCores }) => apexCores),
    otherCores: of(({ otherCores }) => otherCores),
    idleCores: of(({ idleCores }) => idleCores),
  };
}
