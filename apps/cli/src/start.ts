import { isPortFree } from '@apex/host';
import { Failure } from './failure.js';
import { type Application, loadApplication } from './start/application.js';
import { greeting } from './start/greeting.js';
import { lockHome } from './start/home.js';
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
    const application = await bringUp(config, closers, stop, since);
    // A defect that nobody caught leaves the process in an unknown state: it ends, in order.
    const why = await Promise.race([stop.asked, uncaught(), application.failed]);
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
async function bringUp(config: StartConfig, closers: Closers, stop: StopRequest, since: number): Promise<Application> {
  const opening = together(closers, [openPostgres(config), openRedis(config), openProvider(config)]);
  // Loading the application takes about as long as the stores' start, and most of that is waiting.
  const application = await loadApplication(config);
  // Behind the stores among the closers, so that it ends before they do.
  const [postgres, redis, simulator] = await step('stores', () => opening).finally(() => closers.push(() => application.close()));
  if (stop.pending) return application;
  await step('migrations', () => migrate(postgres.url));
  if (stop.pending) return application;
  const { port, host, home, role, workers, demo } = config;
  const baseUrl = await step('Apex', () => application.start({ port, host, home, role, databaseUrl: postgres.url, redis: { url: redis.url, note: redis.note }, simulatorUrl: simulator.url, demo }));
  if (stop.pending) return application;
  const seconds = (performance.now() - since) / 1000;
  console.log(greeting({ baseUrl, home, role, workers, demo, simulated: simulator.url !== null, hasRedis: redis.url !== null, seconds }));
  return application;
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
