import { freePort } from '@apex/host';
import { type ApiOptions } from '../../../api/src/api.config.js';
import { type StartConfig } from './start.config.js';
import { note } from './terminal.js';

export type ApplicationStart = Omit<ApiOptions, 'env' | 'group'>;

/** What `apex start` runs on its stores: one process, this one, or several beside it. */
export interface Application {
  /** Resolves to the base URL when all of it takes traffic. */
  start(start: ApplicationStart): Promise<string>;
  /** Rejects when it cannot go on. */
  readonly failed: Promise<never>;
  /** Lets what is under way end. Without a start before, it ends what has been loaded. */
  close(): Promise<void>;
}

/** Begins to load the application; it starts when the stores are up. */
export function loadApplication(config: StartConfig): Promise<Application> {
  return config.workers > 1 ? severalProcesses(config) : Promise.resolve(thisProcess(config));
}

interface Running {
  readonly baseUrl: string;
  close(): Promise<void>;
}

function thisProcess({ role }: StartConfig): Application {
  const loading = loadRole(role);
  loading.catch(() => undefined);
  let running: Running | null = null;
  return {
    async start(start) {
      const run = await loading;
      running = await run({ ...start, env: process.env });
      return running.baseUrl;
    },
    // A defect in this process is caught elsewhere.
    failed: new Promise(() => undefined),
    close: async () => running?.close(),
  };
}

async function loadRole(role: StartConfig['role']): Promise<(options: ApiOptions) => Promise<Running>> {
  if (role === 'worker') return (await import('../../../worker/src/start-worker.js')).startWorker;
  return (await import('../../../api/src/start-api.js')).startApi;
}

async function severalProcesses({ workers }: StartConfig): Promise<Application> {
  const { WorkerPool } = await import('./pool/worker-pool.js');
  const reusePort = kernelSharesPorts();
  const pool = new WorkerPool({ count: workers, reusePort, log: note });
  return {
    // Where this process accepts for all of them, each has to be told the same port.
    start: async (start) => pool.serve({ ...start, port: start.port === 0 && !reusePort ? await freePort() : start.port }),
    failed: pool.failed,
    close: () => pool.close(),
  };
}

/** Whether processes can listen on one port each by itself: Linux' SO_REUSEPORT, which Node offers since 23.1. */
function kernelSharesPorts(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return process.platform === 'linux' && (major > 23 || (major === 23 && minor >= 1));
}
