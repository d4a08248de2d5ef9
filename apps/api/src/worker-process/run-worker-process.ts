import { inspect } from 'node:util';
import { ConfigError } from '@apex/common';
import { type RunningApi, startApi } from '../start-api.js';
import { type FromWorker, type ToWorker, type WorkerStart } from './messages.js';
import { SupervisedGroup } from './supervised-group.js';

/** How long a process that has met a defect may take to end what is under way. */
const DEFECT_LIMIT_MS = 20_000;

/**
 * The life of one of several data-plane processes: says that it is loaded, starts when it is told to, serves until it
 * is told to stop, or gets a SIGTERM of its own, and exits. It ends at once when its supervisor is gone: node:cluster
 * sees to that by the end of the channel between them.
 */
export function runWorkerProcess(): void {
  const worker = new WorkerProcess();
  process.on('message', (message: ToWorker) => worker.take(message));
  process.on('SIGTERM', () => void worker.stop(0));
  // A terminal sends these to every process; the supervisor gets them too and decides.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  for (const defect of ['uncaughtException', 'unhandledRejection'] as const) process.on(defect, (error: unknown) => worker.failed(error));
  worker.send({ kind: 'loaded' });
}

class WorkerProcess {
  private group: SupervisedGroup | null = null;
  private starting: Promise<RunningApi> | null = null;
  private stopping = false;

  send(message: FromWorker): void {
    // Without a supervisor there is nobody to tell, and this process is ending.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }

  take(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        this.group = new SupervisedGroup(message.start.worker, message.start.reusePort, message.group, (one) => this.send(one));
        this.starting = this.start(message.start, this.group);
        return;
      case 'group':
        return this.group?.changed(message.group);
      case 'count':
        return void this.count(message.id);
      case 'counts':
        return this.group?.counted(message.id, message.snapshots);
      case 'stop':
        return void this.stop(0);
    }
  }

  /** Ends what is under way, then this process. */
  async stop(code: number): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    try {
      await (await this.starting)?.close();
    } catch (error) {
      complain(error);
      code = 1;
    }
    process.exit(code);
  }

  /** A defect that nobody caught leaves the process in an unknown state: it ends, in order, and is replaced. */
  failed(error: unknown): void {
    complain(error);
    setTimeout(() => process.exit(1), DEFECT_LIMIT_MS).unref();
    void this.stop(1);
  }

  private async start({ worker: _worker, reusePort: _reusePort, ...options }: WorkerStart, group: SupervisedGroup): Promise<RunningApi> {
    try {
      const api = await startApi({ ...options, group, env: process.env });
      this.send({ kind: 'serving', baseUrl: api.baseUrl });
      return api;
    } catch (error) {
      return this.couldNotStart(error);
    }
  }

  private couldNotStart(error: unknown): Promise<never> {
    const isDefect = error instanceof Error && !(error instanceof ConfigError);
    const message = isDefect ? (error.stack ?? error.message) : error instanceof Error ? error.message : String(error);
    return new Promise(() => {
      // Told before this process goes, so that it is not only an exit status that the user gets to see.
      if (process.send === undefined) process.exit(1);
      process.send({ kind: 'failed', message } satisfies FromWorker, undefined, undefined, () => process.exit(1));
    });
  }

  private async count(id: number): Promise<void> {
    const api = await this.starting;
    if (api !== null) this.send({ kind: 'counted', id, snapshot: await api.counts() });
  }
}

const complain = (error: unknown): void => void process.stderr.write(`${inspect(error)}\n`);
