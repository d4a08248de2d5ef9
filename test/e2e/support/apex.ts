import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { freePort } from '@apex/host';
import { createTestDatabase } from '../../support/postgres.js';
import { testRedisUrl } from '../../support/redis.js';
import { testDirectory } from '../../support/stores.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = join(ROOT, 'dist/apps/cli/src/main.js');
const READY = 'Apex is ready';
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 40_000;

/** The provider key that Apex is given. It is the platform's secret: no test may ever see it in an answer or a log. */
export const PROVIDER_KEY = 'sk-sim-3f1c9a7e5b2d';

export interface ApexOptions {
  /** Added to the process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Addresses of stores that the test owns; without them a fresh migrated database, and the run's Redis. */
  readonly postgres?: string;
  readonly redis?: string;
  /** A simulated provider that the test owns; without it one that answers at once. */
  readonly simulator?: RunningSimulator;
}

export interface Credentials {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly adminToken: string;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Apex as a user runs it: the built program in a process of its own, with a home of its own. */
export class Apex {
  private child: ChildProcess | null = null;
  private exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }> = Promise.resolve({ code: 0, signal: null });
  private readonly output: string[] = [];
  private credentials: Credentials = { baseUrl: '', apiKey: '', adminToken: '' };

  constructor(
    readonly home: string,
    readonly databaseUrl: string,
    readonly simulator: RunningSimulator,
    private readonly env: Readonly<Record<string, string>>,
    /** Ends what was started for this process alone. */
    private readonly cleanUps: (() => Promise<void>)[],
  ) {}

  get baseUrl(): string {
    return this.credentials.baseUrl;
  }

  get apiKey(): string {
    return this.credentials.apiKey;
  }

  get adminToken(): string {
    return this.credentials.adminToken;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Everything the process has written to stdout and stderr, over all its lives. */
  logs(): string {
    return this.output.join('');
  }

  /** Resolves when the process has said that it takes traffic. */
  async start(): Promise<void> {
    if (!existsSync(PROGRAM)) throw new Error('dist/ is missing: these tests run the built application. Build it with `npm run build`, or run `npm test`.');
    // With a channel the program ends when this process does, however that comes about.
    const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM, 'start'], { cwd: ROOT, env: this.env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.child = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      // It could not even be started.
      child.once('error', (error) => {
        this.output.push(String(error));
        resolve({ code: null, signal: null });
      });
    });
    const said = new Promise<void>((resolve) => {
      let line = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        this.output.push(chunk.toString('utf8'));
        line = (line + chunk.toString('utf8')).slice(-4_096);
        if (line.includes(READY)) resolve();
      });
    });
    child.stderr?.on('data', (chunk: Buffer) => this.output.push(chunk.toString('utf8')));
    const outcome = await within(START_LIMIT_MS, Promise.race([said, this.exited]));
    if (outcome === 'late') {
      child.kill('SIGKILL');
      throw new Error(`Apex did not start within ${START_LIMIT_MS / 1000} s:\n${this.tail()}`);
    }
    if (outcome !== undefined) throw new Error(`Apex ended while starting (${JSON.stringify(outcome)}):\n${this.tail()}`);
    this.credentials = JSON.parse(readFileSync(join(this.home, 'credentials.json'), 'utf8')) as Credentials;
  }

  /** SIGTERM. @throws unless the process ends by itself, with exit code 0 */
  async stop(): Promise<void> {
    const { child } = this;
    if (child === null) return;
    child.kill('SIGTERM');
    const outcome = await within(STOP_LIMIT_MS, this.exited);
    if (outcome === 'late') child.kill('SIGKILL');
    this.child = null;
    if (outcome === 'late') throw new Error(`Apex did not stop within ${STOP_LIMIT_MS / 1000} s:\n${this.tail()}`);
    if (outcome.code !== 0) throw new Error(`Apex ended with ${JSON.stringify(outcome)}:\n${this.tail()}`);
  }

  /** SIGKILL: no goodbye. */
  async kill(): Promise<void> {
    this.child?.kill('SIGKILL');
    await this.exited;
    this.child = null;
  }

  /** Another life on the same home and port. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** The control plane. `token` is the admin's unless told otherwise; null sends none. */
  async api<T = unknown>(method: string, path: string, body?: unknown, token: string | null = this.adminToken): Promise<Answer<T>> {
    const headers: Record<string, string> = {};
    if (token !== null) headers['authorization'] = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(this.baseUrl + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    const json = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, headers: response.headers, body: (json && text !== '' ? JSON.parse(text) : text) as T };
  }

  /** The data plane, as the demo customer unless told otherwise. */
  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}, signal?: AbortSignal): Promise<Response> {
    return fetch(this.baseUrl + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.apiKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Ends the process and all that was started for it, also when a part of that fails. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of [() => this.stop(), ...this.cleanUps]) await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  private tail(): string {
    return this.logs().slice(-4_000);
  }
}

/** Starts Apex on stores and a provider of its own, unless some are given. End it with `close()`. */
export async function startApex(options: ApexOptions = {}): Promise<Apex> {
  const cleanUps: (() => Promise<void>)[] = [];
  const simulator = options.simulator ?? (await startSimulator({ speed: 0 }));
  if (options.simulator === undefined) cleanUps.push(() => simulator.close());
  let databaseUrl = options.postgres;
  if (databaseUrl === undefined) {
    const database = await createTestDatabase();
    databaseUrl = database.url;
    cleanUps.push(() => database.drop());
  }
  const home = testDirectory('home');
  const env = {
    PATH: process.env['PATH'] ?? '',
    // A port of its own rather than 0: after a restart clients find it where it was.
    PORT: String(await freePort()),
    APEX_HOME: home,
    APEX_CACHE: join(ROOT, '.cache'),
    DATABASE_URL: databaseUrl,
    REDIS_URL: options.redis ?? testRedisUrl(),
    OPENAI_BASE_URL: simulator.url,
    OPENAI_API_KEY: PROVIDER_KEY,
    ...options.env,
  };
  const apex = new Apex(home, databaseUrl, simulator, env, cleanUps);
  try {
    await apex.start();
  } catch (error) {
    await apex.kill();
    await apex.close();
    throw error;
  }
  return apex;
}

/** What `work` gives, or `late`. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
