import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** A Redis server program that has been seen to run. */
export interface RedisBinary {
  readonly path: string;
  /** Where its libraries are, when they are not the system's. */
  readonly libraryPath: string | null;
  readonly version: string;
}

/** No Redis could be had, and why; `message` says what would mend it. */
export class NoRedisError extends Error {}

const ON_PATH = ['redis-server', 'valkey-server'];
const FETCH_TIMEOUT_MS = 180_000;

/**
 * The chain: a server on the PATH; the one fetched by an earlier start; on Debian and Ubuntu, the distribution's
 * package and its libraries, downloaded and unpacked below `cacheDir`. Needs no root and installs nothing.
 */
export async function findRedis(cacheDir: string, log: (message: string) => void): Promise<RedisBinary> {
  for (const name of ON_PATH) {
    const path = onPath(name);
    const found = path ? await probe(path, null) : null;
    if (found) return found;
  }
  const unpacked = resolve(cacheDir, 'redis');
  const cached = await probeUnpacked(unpacked);
  if (cached) return cached;
  if (!onPath('apt-get') || !onPath('dpkg')) throw new NoRedisError('There is no redis-server or valkey-server on the PATH. Install one, or set REDIS_URL.');
  log('fetching Redis from the distribution');
  try {
    await fetchPackages(unpacked);
  } catch (error) {
    throw new NoRedisError(`Redis could not be fetched (${firstLine(error)}). Install it (apt-get install redis-server), or set REDIS_URL.`, { cause: error });
  }
  const fetched = await probeUnpacked(unpacked);
  if (!fetched) throw new NoRedisError('The fetched redis-server does not run here. Install it (apt-get install redis-server), or set REDIS_URL.');
  return fetched;
}

/** `v=7.0.15` of `redis-server --version`. */
export function parseVersion(output: string): string | null {
  return /\bv=(\d+(?:\.\d+)+)/.exec(output)?.[1] ?? null;
}

/** Package names out of `apt-get -s install`: what the machine lacks, dependencies first. */
export function parseSimulation(output: string): string[] {
  return output.split('\n').flatMap((line) => /^Inst (\S+) /.exec(line)?.[1] ?? []);
}

function onPath(name: string): string | null {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    if (!dir) continue;
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

async function probe(path: string, libraryPath: string | null): Promise<RedisBinary | null> {
  try {
    const { stdout } = await exec(path, ['--version'], { env: serverEnv(libraryPath) });
    const version = parseVersion(stdout);
    return version === null ? null : { path, libraryPath, version };
  } catch {
    return null;
  }
}

/** The environment a Redis program is run with. */
export function serverEnv(libraryPath: string | null): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) };
}

function probeUnpacked(root: string): Promise<RedisBinary | null> {
  const path = join(root, 'usr/bin/redis-server');
  if (!existsSync(path)) return Promise.resolve(null);
  const libraries = ['usr/lib', 'lib'].map((dir) => join(root, dir)).filter((dir) => existsSync(dir));
  // Debian keeps libraries one level down, in a folder named after the architecture.
  const folders = libraries.flatMap((dir) => [dir, ...readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(dir, entry.name)] : []))]);
  return probe(path, folders.join(':'));
}

async function fetchPackages(target: string): Promise<void> {
  const draft = `${target}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(join(draft, 'debs'), { recursive: true });
  try {
    // The system's own package lists may be absent (containers) or too old to match the mirror.
    await download(join(draft, 'debs'), []).catch(async () => {
      const own = privateLists(join(draft, 'apt'));
      // One unreachable repository of several fails the whole command; ours may be there all the same.
      await apt(['update', '-qq'], own).catch(() => undefined);
      await download(join(draft, 'debs'), own);
    });
    const root = join(draft, 'root');
    mkdirSync(root);
    for (const file of readdirSync(join(draft, 'debs'))) await exec('dpkg', ['-x', join(draft, 'debs', file), root]);
    rmSync(target, { recursive: true, force: true });
    renameSync(root, target);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Package lists of our own: needs neither root nor any change to the system's. */
function privateLists(dir: string): string[] {
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(dir, part), { recursive: true });
  return ['-o', `Dir::State::lists=${join(dir, 'lists')}`, '-o', `Dir::Cache=${join(dir, 'cache')}`];
}

async function download(into: string, options: string[]): Promise<void> {
  const { stdout } = await apt(['-s', '--no-install-recommends', 'install', 'redis-server'], options);
  const packages = parseSimulation(stdout);
  if (packages.length === 0) throw new Error('apt-get knows no redis-server package');
  await apt(['download', '-qq', ...packages], options, into);
}

function apt(args: string[], options: string[], cwd?: string): Promise<{ stdout: string; stderr: string }> {
  // As root, apt would hand the download to its own user, who cannot write here.
  const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  const [verb, ...rest] = args;
  return exec('apt-get', [...options, ...sandbox, ...(verb ? [verb] : []), ...rest], {
    timeout: FETCH_TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    ...(cwd ? { cwd } : {}),
  });
}

function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return ((stderr ?? '').split('\n').find((line) => line.startsWith('E:')) ?? message).split('\n')[0] ?? 'unknown';
}
