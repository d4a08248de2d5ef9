import cluster, { type Worker } from 'node:cluster';
import { type MetricsSnapshot } from '@apex/telemetry';
import { type FromWorker, type ToWorker } from '../../../../api/src/worker-process/messages.js';
import { Failure } from '../../failure.js';

/** One data-plane process, as its supervisor sees it. It ends with this process: the channel between them is its tether. */
export class WorkerProcess {
  /** Resolves to why, when it has ended; never rejects. */
  readonly exited: Promise<string>;
  /** Resolves when its code is loaded; rejects when it ends first. */
  readonly loaded: Promise<void>;
  /** Resolves to its base URL when it takes traffic; rejects with the reason when it ends first. */
  readonly serving: Promise<string>;
  /** What it counted when it was last asked. */
  lastCounted: MetricsSnapshot | null = null;
  private readonly worker: Worker;
  private dead = false;
  private said: Failure | null = null;
  private questions = 0;
  private readonly waiting = new Map<number, (snapshot: MetricsSnapshot) => void>();

  /** @param onQuestion it wants to know what the others have counted */
  constructor(program: string, onQuestion: (asker: WorkerProcess, id: number) => void) {
    cluster.setupPrimary({ exec: program, args: [], serialization: 'advanced' });
    this.worker = cluster.fork();
    this.exited = new Promise((resolve) => {
      const ended = (why: string): void => {
        this.dead = true;
        resolve(why);
      };
      // It could not even be made. Other errors are of messages to one that is about to be found dead.
      this.worker.on('error', (error) => (this.pid === 0 ? ended(error.message) : undefined));
      const gone = new Promise<string>((resolve) => this.worker.once('exit', (code: number | null, signal: string | null) => resolve(signal ? `signal ${signal}` : `exit status ${code ?? 'unknown'}`)));
      // Its last words may be read after its end is known; the channel's end comes behind them.
      const silent = new Promise<void>((resolve) => this.worker.once('disconnect', resolve));
      void Promise.all([gone, silent]).then(([why]) => ended(why));
    });
    const unlessItEnds = this.exited.then((why) => Promise.reject(this.said ?? new Failure(`it ended (${why}) before it took traffic`)));
    let loaded: () => void = () => undefined;
    let serving: (baseUrl: string) => void = () => undefined;
    this.loaded = Promise.race([new Promise<void>((resolve) => (loaded = resolve)), unlessItEnds]);
    this.serving = Promise.race([new Promise<string>((resolve) => (serving = resolve)), unlessItEnds]);
    // Who waits for them is told; when nobody does any more, that is no defect.
    for (const promise of [this.loaded, this.serving]) promise.catch(() => undefined);
    this.worker.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'loaded':
          return loaded();
        case 'serving':
          return serving(message.baseUrl);
        case 'failed':
          this.said = new Failure(message.message);
          return;
        case 'counted':
          this.lastCounted = message.snapshot;
          return this.waiting.get(message.id)?.(message.snapshot);
        case 'ask_counts':
          return onQuestion(this, message.id);
      }
    });
  }

  get pid(): number {
    return this.worker.process.pid ?? 0;
  }

  send(message: ToWorker): void {
    // One that is about to be found dead is not told any more.
    if (!this.dead && this.worker.isConnected()) this.worker.process.send(message, undefined, undefined, () => undefined);
  }

  /** What it has counted; when it does not answer in time, what it said last. */
  async counts(withinMs: number): Promise<MetricsSnapshot | null> {
    const id = ++this.questions;
    let timer: NodeJS.Timeout | undefined;
    try {
      const answer = new Promise<MetricsSnapshot>((resolve) => this.waiting.set(id, resolve));
      const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, withinMs, null)));
      this.send({ kind: 'count', id });
      return (await Promise.race([answer, late, this.exited.then(() => null)])) ?? this.lastCounted;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  kill(): void {
    if (!this.dead) this.worker.process.kill('SIGKILL');
  }
}
