import { type Mode } from './requests.js';

/** One closed-loop load: so many connections, each sends the next request when the answer to the last is complete. */
export interface LoadPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  /** Answers that came completely, whatever their status. */
  readonly completed: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  /** Of one request, first byte sent to last byte received. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly bytesReceived: number;
  /** Not answered with a status below 400, cut off, refused or timed out. Any of them makes a run invalid. */
  readonly errors: number;
}

export interface LoadGenerator {
  /** As the report names it. */
  readonly name: string;
  run(plan: LoadPlan): Promise<LoadResult>;
}

/** What a load of this mode must receive for each answer at the least, else the answers were not whole. */
export function leastBytes(mode: Mode): number {
  return mode === 'sse' ? 3_000 : 500;
}
