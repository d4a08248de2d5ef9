import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, spawnTethered, untilAnswers, type TetheredServer } from '@apex/host';
import { waitForLock } from './lock.js';
import { cacheDirectory, testDirectory } from './stores.js';

const SOURCE = fileURLToPath(new URL('../servers/unleash/', import.meta.url));
const INSTALL_LIMIT_MS = 240_000;
const ADMIN_TOKEN = '*:*.apex-test-admin';

/** Runs in the folder of the installation. It is its own process: nothing of it is linked into ours. */
const SCRIPT = `
  import * as unleash from 'unleash-server';
  const token = (environment, type, secret) => ({ environment, project: type === 'admin' ? '*' : 'default', projects: type === 'admin' ? ['*'] : ['default'], type, secret, tokenName: secret });
  await unleash.start({
    databaseUrl: process.env.TEST_DATABASE, databaseUrlFile: undefined,
    db: { ssl: false, pool: { min: 0, max: 4 } },
    server: { port: Number(process.env.TEST_PORT), host: '127.0.0.1' },
    authentication: { type: 'none', initApiTokens: [token('*', 'admin', ${JSON.stringify(ADMIN_TOKEN)}), token('development', 'client', 'default:development.apex-test'), token('production', 'client', 'default:production.apex-test')] },
    versionCheck: { enable: false }, telemetry: false, logLevel: 'warn',
  });`;

/** A real Unleash server on a database of the test's; same address after a stop. */
export interface OwnUnleash {
  readonly url: string;
  /** The token for what a client of this environment may read. */
  token(environment: 'development' | 'production'): string;
  /** A call of the admin API that must succeed; `path` is below `/api/admin`. */
  admin(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<void>;
  stop(): Promise<void>;
  start(databaseUrl: string): Promise<void>;
}

export async function startOwnUnleash(databaseUrl: string): Promise<OwnUnleash> {
  const installation = await installed();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const dir = testDirectory('unleash');
  const logFile = join(dir, 'unleash.log');
  const launch = async (database: string): Promise<TetheredServer> => {
    const env = { PATH: process.env['PATH'], NODE_ENV: 'production', HOME: dir, TEST_DATABASE: database, TEST_PORT: String(port), DATABASE_SSL: 'false', CHECK_VERSION: 'false', SEND_TELEMETRY: 'false' };
    const server = spawnTethered({ command: process.execPath, args: ['--input-type=module', '-e', SCRIPT], logFile, stopSignal: 'TERM', env, cwd: installation });
    await untilAnswers(server, {
      name: 'Unleash',
      logFile,
      timeoutMs: 60_000,
      ask: async () => {
        if (!(await fetch(`${url}/health`)).ok) throw new Error('not healthy');
      },
    });
    return server;
  };
  let server: TetheredServer | null = await launch(databaseUrl);
  return {
    url,
    token: (environment) => `default:${environment}.apex-test`,
    async admin(method, path, body) {
      const response = await fetch(`${url}/api/admin${path}`, { method, headers: { authorization: ADMIN_TOKEN, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      if (!response.ok) throw new Error(`Unleash answered ${response.status} to ${method} ${path}: ${await response.text()}`);
    },
    async stop() {
      await server?.stop();
      server = null;
    },
    async start(database) {
      server ??= await launch(database);
    },
  };
}

/** The folder with the server, installed once for each lock file. */
async function installed(): Promise<string> {
  const stamp = createHash('sha256').update(readFileSync(join(SOURCE, 'package-lock.json'))).digest('hex').slice(0, 16);
  mkdirSync(cacheDirectory, { recursive: true });
  const dir = join(cacheDirectory, `unleash-${stamp}`);
  const done = join(dir, '.complete');
  if (existsSync(done)) return dir;
  const lock = await waitForLock(`${dir}.lock`, INSTALL_LIMIT_MS);
  try {
    if (existsSync(done)) return dir;
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir);
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(SOURCE, file), join(dir, file));
    await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: dir, timeout: INSTALL_LIMIT_MS });
    writeFileSync(done, '');
  } finally {
    lock.release();
  }
  return dir;
}
