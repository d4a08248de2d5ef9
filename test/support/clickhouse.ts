import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { fetchDebianPackages, findOnPath, freePort, libraryEnv, secretFile, spawnTethered, unpackedProgram, untilAnswers, type TetheredServer, type UnpackedProgram } from '@apex/host';
import { waitForLock } from './lock.js';
import { cacheDirectory, databaseUrl, testDirectory } from './stores.js';

/** A ClickHouse of the suite's own, to be killed, frozen and given back: same port, same data, same address. */
export interface OwnClickHouse {
  /** http://apex:password@127.0.0.1:port/default */
  readonly url: string;
  readonly password: string;
  /** Makes an empty database. @returns its address */
  createDatabase(): Promise<string>;
  /** Runs a statement in a database. */
  command(databaseUrl: string, query: string): Promise<void>;
  /** SIGKILL: what it had acknowledged it finds again at the next start. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP: connections are accepted and nothing is ever answered. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

const SERVER = 'clickhouse-server';
const FETCH_LIMIT_MS = 240_000;

/** A private ClickHouse with an empty database; stop it at the suite's end. */
export async function startOwnClickHouse(): Promise<OwnClickHouse> {
  const program = await findClickHouse();
  const dir = testDirectory('clickhouse');
  const port = await freePort();
  const password = secretFile(join(dir, 'password'));
  const url = `http://apex:${password}@127.0.0.1:${port}/default`;
  for (const folder of ['data', 'tmp', 'format']) mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, 'config.xml'), configXml(dir, port), { mode: 0o600 });
  writeFileSync(join(dir, 'users.xml'), usersXml(password), { mode: 0o600 });
  const logFile = join(dir, 'clickhouse.log');
  const launch = async (): Promise<TetheredServer> => {
    const args = [`--config-file=${join(dir, 'config.xml')}`];
    const server = spawnTethered({ command: program.path, args, logFile, stopSignal: 'TERM', env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', ...libraryEnv(program) }, cwd: dir });
    await untilAnswers(server, { name: 'ClickHouse', logFile, timeoutMs: 30_000, ask: () => ask(url, (client) => client.query({ query: 'SELECT 1' })) });
    return server;
  };
  // The server is not our child, a shell stands between; it says itself which process it is.
  const pid = (): number => Number(/^PID: (\d+)$/m.exec(readFileSync(join(dir, 'data/status'), 'utf8'))![1]);
  const signal = (name: NodeJS.Signals): void => void process.kill(pid(), name);
  let server: TetheredServer | null = await launch();
  return {
    url,
    password,
    async createDatabase() {
      const name = `test_${randomBytes(8).toString('hex')}`;
      await ask(url, (client) => client.command({ query: `CREATE DATABASE ${name}` }));
      return databaseUrl(url, name);
    },
    command: (database, query) => ask(database, (client) => client.command({ query })),
    async kill() {
      signal('SIGKILL');
      await server?.exited;
      server = null;
    },
    async start() {
      server ??= await launch();
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async stop() {
      if (server !== null) signal('SIGCONT');
      await server?.stop();
      server = null;
    },
  };
}

async function ask(url: string, what: (client: ClickHouseClient) => Promise<unknown>): Promise<void> {
  const client = createClient({ url, request_timeout: 1_000, log: { level: ClickHouseLogLevel.OFF } });
  try {
    await what(client);
  } finally {
    await client.close();
  }
}

/** The one on the PATH; else the distribution's package, fetched once and kept. */
async function findClickHouse(): Promise<UnpackedProgram> {
  const installed = findOnPath(SERVER);
  if (installed !== null) return { path: installed, libraryPath: null };
  const target = join(cacheDirectory, 'clickhouse');
  const found = (): UnpackedProgram | null => unpackedProgram(target, `usr/sbin/${SERVER}`);
  if (found() === null) {
    mkdirSync(cacheDirectory, { recursive: true });
    const lock = await waitForLock(`${target}.lock`, FETCH_LIMIT_MS);
    try {
      if (found() === null) await fetchDebianPackages({ packages: ['clickhouse-server', 'clickhouse-common'], target });
    } finally {
      lock.release();
    }
  }
  const program = found();
  if (program === null) throw new Error(`The fetched packages hold no ${SERVER}.`);
  return program;
}

/** What every version from 18.16 on reads. */
const configXml = (dir: string, port: number): string => `<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>${port}</http_port>
  <path>${dir}/data/</path>
  <tmp_path>${dir}/tmp/</tmp_path>
  <format_schema_path>${dir}/format/</format_schema_path>
  <users_config>${dir}/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
  <timezone>UTC</timezone>
</yandex>
`;

const usersXml = (password: string): string => `<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
  <users><apex><password>${password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></apex></users>
  <quotas><default></default></quotas>
</yandex>
`;
