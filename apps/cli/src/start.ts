import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, LockedError, type FileLock } from '@apex/database';
import { isPortFree } from '@apex/host';
import { type ApiOptions } from '../../api/src/api.config.js';
import { Failure } from './failure.js';
import { greeting } from './start/greeting.js';
import { startSimulator } from './start/simulator.js';
import { readStartConfig, type StartConfig } from './start/start.config.js';
import { listenForStop, type StopRequest } from './start/stop-request.js';
import { migrate, openPostgres, openRedis, type Store } from './start/stores.js';
import { note, step } from './start/terminal.js';

/** How long open requests, the journal and the stores together may take to end. */
const STOP_LIMIT_MS = 30_000;

/** What has been started, in order; each ends one thing. */
type Closers = (() => Promise<void>)[];

/** Runs Apex until it is asked to stop; ends what it started in the reverse order, also when starting fails half-way. */
export async function start(): Promise<number> {
  const since = performance.now();
  const config = readStartConfig(process.env);
  const stop = listenForStop(exitNow);
  const lock = await lockHome(config.home);
  const closers: Closers = [];
  try {
    await checkPort(config);
    await bringUp(config, closers, stop, since);
    // A defect that nobody caught leaves the process in an unknown state: it ends, in order.
    const why = await Promise.race([stop.asked, uncaught()]);
    note(`stopping (${why})`);
    return 0;
  } finally {
    const limit = setTimeout(() => exitNow(`stopping took longer than ${STOP_LIMIT_MS / 1000} s`), STOP_LIMIT_MS);
    await bringDown(closers);
    clearTimeout(limit);
    lock.release();
  }
}

/** Stores and provider side by side, then schema and API; looks between the steps whether it is still wanted. */
async function bringUp(config: StartConfig, closers: Closers, stop: StopRequest, since: number): Promise<void> {
  const opening = together(closers, [openPostgres(config), openRedis(config), openProvider(config)]);
  // Loading the application takes about as long as the stores' start, and most of that is waiting.
  const loading = loadApplication(config.role);
  loading.catch(() => undefined);
  const [postgres, redis, simulator] = await step('stores', () => opening);
  if (stop.pending) return;
  await step('migrations', () => migrate(postgres.url));
  if (stop.pending) return;
  const { port, host, home, role } = config;
  const startApplication = await loading;
  const application = await step('Apex', () =>
    startApplication({
      port,
      host,
      home,
      role,
      databaseUrl: postgres.url,
      redis: { url: redis.url, note: redis.note },
      simulatorUrl: simulator.url,
      env: process.env,
    }),
  );
  closers.push(() => application.close());
  if (stop.pending) return;
  const seconds = (performance.now() - since) / 1000;
  console.log(greeting({ baseUrl: application.baseUrl, home, role, simulated: simulator.url !== null, hasRedis: redis.url !== null, seconds }));
}

interface Application {
  readonly baseUrl: string;
  close(): Promise<void>;
}

async function loadApplication(role: StartConfig['role']): Promise<(options: ApiOptions) => Promise<Application>> {
  if (role === 'worker') return (await import('../../worker/src/start-worker.js')).startWorker;
  return (await import('../../api/src/start-api.js')).startApi;
}

const openProvider = (config: StartConfig): Promise<Store<string | null>> => (config.simulate && config.role !== 'worker' ? startSimulator() : nothing);

interface Started {
  stop(): Promise<void>;
}

const nothing: Promise<Store<null>> = Promise.resolve({ url: null, stop: () => Promise.resolve() });

/** Waits for all of them, so that those that have started are stopped later even when another one fails. */
async function together<A extends Started, B extends Started, C extends Started>(closers: Closers, starting: [Promise<A>, Promise<B>, Promise<C>]): Promise<[A, B, C]> {
  for (const outcome of await Promise.allSettled(starting)) {
    if (outcome.status === 'fulfilled') closers.push(() => outcome.value.stop());
  }
  return Promise.all(starting);
}

/** One after the other, the last started first; what fails does not keep the others from ending. */
async function bringDown(closers: Closers): Promise<void> {
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      console.error(error);
      process.exitCode = 1;
    }
  }
}

async function lockHome(home: string): Promise<FileLock> {
  try {
    mkdirSync(home, { recursive: true });
    return await acquireLock(join(home, 'lock'));
  } catch (error) {
    if (error instanceof LockedError) throw new Failure(`Apex already runs on ${home} (process ${error.pid}). Stop it, or give this one a home of its own: APEX_HOME=.apex-2 PORT=0 npm start`);
    throw new Failure(`APEX_HOME ${home} cannot be used: ${(error as Error).message}`);
  }
}

/** Before the stores are started for nothing. */
async function checkPort({ port, host }: StartConfig): Promise<void> {
  if (port !== 0 && !(await isPortFree(port, host))) throw new Failure(`Port ${port} of ${host} is taken or not allowed. Another one: PORT=8081 npm start (PORT=0 picks a free one)`);
}

function uncaught(): Promise<never> {
  return new Promise((_, reject) => process.on('uncaughtException', reject).on('unhandledRejection', reject));
}

/** The way out when the orderly one does not end. The stores notice that this process is gone and stop cleanly. */
function exitNow(why: string): never {
  note(`ending at once: ${why}`);
  process.exit(1);
}
