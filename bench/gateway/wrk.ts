import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type LoadGenerator, type LoadPlan, type LoadResult } from './load.js';
import { cacheDir, projectRoot } from './paths.js';

const run = promisify(execFile);
const FETCH_TIMEOUT_MS = 120_000;

interface WrkProgram {
  readonly path: string;
  readonly libraryPath: string | null;
}

/** What bench/gateway/wrk.lua prints. */
interface WrkSummary {
  readonly completed: number;
  readonly durationUs: number;
  readonly bytes: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly connect: number;
  readonly read: number;
  readonly write: number;
  readonly status: number;
  readonly timeout: number;
}

/**
 * wrk: the machine's own, or Debian's package downloaded into `.cache/` and unpacked there, which needs no root and
 * changes nothing on the system. Null where neither can be had.
 */
export async function findWrk(scratch: string, log: (line: string) => void): Promise<LoadGenerator | null> {
  const unpacked = join(cacheDir, 'wrk');
  let found = (await probe({ path: 'wrk', libraryPath: null })) ?? (await probeUnpacked(unpacked));
  if (!found) {
    log('fetching wrk, the load generator, from the distribution');
    try {
      await fetchInto(unpacked);
      found = await probeUnpacked(unpacked);
    } catch (error) {
      log(`wrk could not be fetched: ${(error as Error).message.split('\n')[0] ?? ''}`);
    }
  }
  if (!found) return null;
  const { program, version } = found;
  return { name: `wrk ${version}`, run: (plan) => runWrk(program, plan, scratch) };
}

async function runWrk(program: WrkProgram, plan: LoadPlan, scratch: string): Promise<LoadResult> {
  const bodyFile = join(scratch, 'wrk.body');
  const headersFile = join(scratch, 'wrk.headers');
  writeFileSync(bodyFile, plan.body);
  writeFileSync(headersFile, Object.entries(plan.headers).map(([name, value]) => `${name}: ${value}\n`).join(''), { mode: 0o600 });
  const args = ['-t1', `-c${plan.connections}`, `-d${plan.seconds}s`, '--timeout', '30s', '-s', join(projectRoot, 'bench/gateway/wrk.lua'), plan.url];
  const { stdout } = await run(program.path, args, { env: { ...environment(program), BENCH_BODY_FILE: bodyFile, BENCH_HEADERS_FILE: headersFile } });
  return parseWrk(stdout);
}

export function parseWrk(stdout: string): LoadResult {
  const line = /^BENCH (\{.*\})$/m.exec(stdout)?.[1];
  if (!line) throw new Error(`wrk printed no summary:\n${stdout.slice(-1_000)}`);
  const summary = JSON.parse(line) as WrkSummary;
  const seconds = summary.durationUs / 1e6;
  return {
    completed: summary.completed,
    seconds,
    requestsPerSecond: summary.completed / seconds,
    p50Us: summary.p50Us,
    p99Us: summary.p99Us,
    bytesReceived: summary.bytes,
    errors: summary.connect + summary.read + summary.write + summary.status + summary.timeout,
  };
}

function environment({ libraryPath }: WrkProgram): NodeJS.ProcessEnv {
  return libraryPath ? { ...process.env, LD_LIBRARY_PATH: libraryPath } : process.env;
}

async function probe(program: WrkProgram): Promise<{ program: WrkProgram; version: string } | null> {
  // `wrk -v` prints its version and ends with status 1.
  const { stdout = '' } = await run(program.path, ['-v'], { env: environment(program) }).catch((error: unknown) => error as { stdout?: string });
  const version = /^wrk (?:debian\/)?(\S+)/m.exec(stdout)?.[1];
  return version ? { program, version } : null;
}

async function probeUnpacked(root: string): ReturnType<typeof probe> {
  const path = join(root, 'usr/bin/wrk');
  if (!existsSync(path)) return null;
  const lib = join(root, 'usr/lib');
  const folders = existsSync(lib) ? readdirSync(lib, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => join(lib, name)) : [];
  return probe({ path, libraryPath: folders.length > 0 ? folders.join(':') : null });
}

async function fetchInto(target: string): Promise<void> {
  const draft = `${target}.${process.pid}`;
  mkdirSync(join(draft, 'debs'), { recursive: true });
  try {
    // The system's own package lists may be absent, as in containers.
    await download(join(draft, 'debs'), []).catch(async () => {
      for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(draft, part), { recursive: true });
      const own = ['-o', `Dir::State::lists=${join(draft, 'lists')}`, '-o', `Dir::Cache=${join(draft, 'cache')}`];
      await apt([...own, 'update', '-qq']);
      await download(join(draft, 'debs'), own);
    });
    for (const file of readdirSync(join(draft, 'debs'))) await run('dpkg', ['-x', join(draft, 'debs', file), join(draft, 'root')]);
    rmSync(target, { recursive: true, force: true });
    renameSync(join(draft, 'root'), target);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Downloads wrk and those of its libraries that the machine lacks, as apt itself would choose them. */
async function download(into: string, options: string[]): Promise<void> {
  const { stdout } = await apt([...options, '-s', '--no-install-recommends', 'install', 'wrk']);
  const packages = stdout.split('\n').flatMap((line) => /^Inst (\S+) /.exec(line)?.[1] ?? []);
  if (packages.length === 0) throw new Error('apt-get knows no package wrk');
  await apt([...options, 'download', '-qq', ...packages], into);
}

function apt(args: string[], cwd?: string): Promise<{ stdout: string }> {
  // As root, apt would hand the download to a user of its own, who cannot write here.
  const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  return run('apt-get', [...sandbox, ...args], { timeout: FETCH_TIMEOUT_MS, maxBuffer: 16 << 20, env: { ...process.env, LC_ALL: 'C' }, ...(cwd ? { cwd } : {}) });
}
