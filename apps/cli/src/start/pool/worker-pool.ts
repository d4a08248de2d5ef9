import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type MetricsSnapshot, totalsOf } from '@apex/telemetry';
import { type GroupState } from '../../../../api/src/process-group.js';
import { type WorkerStart } from '../../../../api/src/worker-process/messages.js';
import { Failure } from '../../failure.js';
import { RestartPlan, RESTART_RULES, type RestartRules } from './restart-plan.js';
import { WorkerProcess } from './worker-process.js';

const PROGRAM = fileURLToPath(new URL('../../../../api/src/main.js', import.meta.url));

export interface PoolOptions {
  readonly count: number;
  /** Whether each listens by itself; else this process accepts connections and hands them round. */
  readonly reusePort: boolean;
  /** For the person who started Apex. */
  readonly log: (message: string) => void;
  /** What the processes run. */
  readonly program?: string;
  readonly restarts?: RestartRules;
  /** How long a process may take to take traffic, and to end once it was told to; then it is killed. Milliseconds. */
  readonly startLimitMs?: number;
  readonly stopLimitMs?: number;
  /** How long a scrape waits for a process that is busy. */
  readonly countLimitMs?: number;
}

/** What all processes of the pool are started with. */
export type PoolStart = Omit<WorkerStart, 'worker' | 'reusePort'>;

/** A place in the pool: processes come and go, one at a time. */
interface Place {
  readonly number: number;
  readonly plan: RestartPlan;
  process: WorkerProcess;
  /** Since when it takes traffic, in ms of `performance.now()`; null while it does not. */
  servingSince: number | null;
}

/**
 * The data-plane processes behind one port. It stands beside the requests, not in their way: it starts the processes,
 * starts those again that end by themselves, tells all how the group is doing, passes on what each has counted, and
 * ends them.
 */
export class WorkerPool {
  /** Rejects when no process takes traffic and each has failed too often to wait for it. */
  readonly failed: Promise<never>;
  private readonly places: readonly Place[];
  private readonly options: Required<PoolOptions>;
  private readonly stopping = new AbortController();
  private readonly keeping: Promise<void>[] = [];
  private start: PoolStart | null = null;
  private restarts = 0;
  /** What processes that have ended counted, as far as it was asked for. */
  private retired: Promise<MetricsSnapshot> = Promise.resolve([]);
  private fail: (why: Failure) => void = () => undefined;

  /** Starts the processes; they load their code and wait. */
  constructor(options: PoolOptions) {
    this.options = { program: PROGRAM, restarts: RESTART_RULES, startLimitMs: 60_000, stopLimitMs: 25_000, countLimitMs: 1_000, ...options };
    this.failed = new Promise((_, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
    this.places = Array.from({ length: options.count }, (_, index) => ({
      number: index + 1,
      plan: new RestartPlan(this.options.restarts),
      process: this.newProcess(),
      servingSince: null,
    }));
  }

  get state(): GroupState {
    const { places, restarts } = this;
    return {
      configured: places.length,
      serving: places.filter(({ servingSince }) => servingSince !== null).length,
      failing: places.filter(({ servingSince, plan }) => servingSince === null && plan.failing).length,
      restarts,
    };
  }

  /**
   * Resolves to the base URL when every process takes traffic. The first one starts alone: it makes what there must be
   * one of, the demo customer's key for instance, and picks the port where any will do.
   * @throws Failure when a process does not start; nothing is tried again then, and the pool is to be closed
   */
  async serve(start: PoolStart): Promise<string> {
    this.start = start;
    const [first, ...others] = this.places;
    if (first === undefined) throw new Error('a pool without processes');
    const baseUrl = await this.firstStart(first);
    // Successors, too, have to come to where the first one is.
    if (start.port === 0 && this.options.reusePort) this.start = { ...start, port: Number(new URL(baseUrl).port) };
    await Promise.all(others.map((place) => this.firstStart(place)));
    return baseUrl;
  }

  /** Lets every process end what is under way; those that do not end in time are killed, and that is an error. */
  async close(): Promise<void> {
    this.stopping.abort();
    const killed: number[] = [];
    await Promise.all(
      this.places.map(async ({ process, number }) => {
        process.send({ kind: 'stop' });
        const late = setTimeout(() => {
          killed.push(number);
          process.kill();
        }, this.options.stopLimitMs);
        await process.exited;
        clearTimeout(late);
      }),
    );
    await Promise.all(this.keeping);
    if (killed.length > 0) throw new Error(`worker ${killed.join(', ')} did not end within ${this.options.stopLimitMs / 1000} s and was killed; its journal is replayed by the next start`);
  }

  private newProcess(): WorkerProcess {
    return new WorkerProcess(this.options.program, (asker, id) => void this.tellCounts(asker, id));
  }

  private async firstStart(place: Place): Promise<string> {
    try {
      const baseUrl = await this.bringUp(place);
      this.options.log(`worker ${place.number} takes traffic (process ${place.process.pid})`);
      this.keeping.push(this.keep(place));
      return baseUrl;
    } catch (error) {
      if (this.stopping.signal.aborted) throw error;
      throw error instanceof Failure ? new Failure(`Worker ${place.number} of ${this.places.length} did not start: ${error.message}`) : error;
    }
  }

  /** Tells a process to start and waits until it takes traffic. */
  private async bringUp(place: Place): Promise<string> {
    const { process } = place;
    const { start } = this;
    if (start === null) throw new Error('the pool has not been started');
    const late = setTimeout(() => process.kill(), this.options.startLimitMs);
    try {
      await process.loaded;
      process.send({ kind: 'start', start: { ...start, worker: place.number, reusePort: this.options.reusePort }, group: this.state });
      const baseUrl = await process.serving;
      place.servingSince = performance.now();
      this.tellAll();
      return baseUrl;
    } finally {
      clearTimeout(late);
    }
  }

  /** Replaces the process of a place whenever it ends, until the pool is closed. */
  private async keep(place: Place): Promise<void> {
    const { log } = this.options;
    const name = `worker ${place.number}`;
    for (;;) {
      const why = await place.process.exited;
      const served = place.servingSince === null ? 0 : performance.now() - place.servingSince;
      place.servingSince = null;
      if (this.stopping.signal.aborted) return;
      const pause = place.plan.ended(served);
      const inVain = place.plan.failing ? `; it has failed ${this.options.restarts.limit} times in a row or more` : '';
      log(`${name} (process ${place.process.pid}) ended by itself (${why}); starting it again in ${pause} ms${inVain}`);
      this.retire(place.process);
      this.tellAll();
      this.giveUpIfNobodyServes();
      await delay(pause, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      if (this.stopping.signal.aborted) return;
      this.restarts += 1;
      place.process = this.newProcess();
      try {
        await this.bringUp(place);
        log(`${name} is back (process ${place.process.pid})`);
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        log(`${name} could not be started again: ${(error as Error).message}`);
        // It may be wedged rather than gone.
        place.process.kill();
      }
    }
  }

  private giveUpIfNobodyServes(): void {
    const { serving, failing, configured } = this.state;
    if (serving === 0 && failing === configured) this.fail(new Failure(`No data-plane process stays up: each of ${configured} has failed ${this.options.restarts.limit} times in a row or more. The lines above say why.`));
  }

  private tellAll(): void {
    const { state } = this;
    for (const { process } of this.places) process.send({ kind: 'group', group: state });
  }

  /** What all processes but the one that asks have counted, those that have ended included. */
  private async tellCounts(asker: WorkerProcess, id: number): Promise<void> {
    const others = this.places.filter(({ process, servingSince }) => process !== asker && servingSince !== null);
    // The asker counts for itself, but not for its own successor: what it says now is kept as well.
    const [, ...counted] = await Promise.all([asker, ...others.map(({ process }) => process)].map((process) => process.counts(this.options.countLimitMs)));
    asker.send({ kind: 'counts', id, snapshots: [await this.retired, ...counted.filter((snapshot) => snapshot !== null)] });
  }

  /** One after the other: two that end at once must both be in the sum. */
  private retire(process: WorkerProcess): void {
    const { lastCounted } = process;
    if (lastCounted !== null) this.retired = this.retired.then((sum) => totalsOf([sum, lastCounted]));
  }
}
