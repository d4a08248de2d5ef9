import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { fetchDebianPackages, findOnPath, libraryEnv, PackageFetchError, unpackedProgram, type UnpackedProgram } from '@apex/host';

const exec = promisify(execFile);

/** A Redis server program that has been seen to run. */
export interface RedisBinary extends UnpackedProgram {
  readonly version: string;
}

/** No Redis could be had, and why; `message` says what would mend it. */
export class NoRedisError extends Error {}

const ON_PATH = ['redis-server', 'valkey-server'];

/**
 * The chain: a server on the PATH; the one fetched by an earlier start; on Debian and Ubuntu, the distribution's
 * package and its libraries, downloaded and unpacked below `cacheDir`. Needs no root and installs nothing.
 */
export async function findRedis(cacheDir: string, log: (message: string) => void): Promise<RedisBinary> {
  for (const name of ON_PATH) {
    const path = findOnPath(name);
    const found = path === null ? null : await probe({ path, libraryPath: null });
    if (found) return found;
  }
  const unpacked = resolve(cacheDir, 'redis');
  const cached = await probeUnpacked(unpacked);
  if (cached) return cached;
  log('fetching Redis from the distribution');
  try {
    await fetchDebianPackages({ packages: ['redis-server'], target: unpacked });
  } catch (error) {
    if (error instanceof PackageFetchError) throw new NoRedisError(`There is no redis-server or valkey-server on the PATH. ${error.message}, or set REDIS_URL.`, { cause: error });
    throw error;
  }
  const fetched = await probeUnpacked(unpacked);
  if (!fetched) throw new NoRedisError('The fetched redis-server does not run here. Install it (apt-get install redis-server), or set REDIS_URL.');
  return fetched;
}

/** `v=7.0.15` of `redis-server --version`. */
export function parseVersion(output: string): string | null {
  return /\bv=(\d+(?:\.\d+)+)/.exec(output)?.[1] ?? null;
}

async function probe(program: UnpackedProgram): Promise<RedisBinary | null> {
  try {
    const { stdout } = await exec(program.path, ['--version'], { env: serverEnv(program) });
    const version = parseVersion(stdout);
    return version === null ? null : { ...program, version };
  } catch {
    return null;
  }
}

/** The environment a Redis program is run with. */
export function serverEnv(program: UnpackedProgram): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', ...libraryEnv(program) };
}

function probeUnpacked(root: string): Promise<RedisBinary | null> {
  const program = unpackedProgram(root, 'usr/bin/redis-server');
  return program === null ? Promise.resolve(null) : probe(program);
}
