import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchDebianPackages, libraryEnv, unpackedProgram, type UnpackedProgram } from '@apex/host';
import { type LoadGenerator, type LoadPlan, type LoadResult } from './load.js';
import { cacheDir, projectRoot } from './paths.js';

const run = promisify(execFile);

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
      await fetchDebianPackages({ packages: ['wrk'], target: unpacked });
      found = await probeUnpacked(unpacked);
    } catch (error) {
      log((error as Error).message);
    }
  }
  if (!found) return null;
  const { program, version } = found;
  return { name: `wrk ${version}`, run: (plan) => runWrk(program, plan, scratch) };
}

async function runWrk(program: UnpackedProgram, plan: LoadPlan, scratch: string): Promise<LoadResult> {
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

const environment = (program: UnpackedProgram): NodeJS.ProcessEnv => ({ ...process.env, ...libraryEnv(program) });

async function probe(program: UnpackedProgram): Promise<{ program: UnpackedProgram; version: string } | null> {
  // `wrk -v` prints its version and ends with status 1.
  const { stdout = '' } = await run(program.path, ['-v'], { env: environment(program) }).catch((error: unknown) => error as { stdout?: string });
  const version = /^wrk (?:debian\/)?(\S+)/m.exec(stdout)?.[1];
  return version ? { program, version } : null;
}

function probeUnpacked(root: string): ReturnType<typeof probe> {
  const program = unpackedProgram(root, 'usr/bin/wrk');
  return program === null ? Promise.resolve(null) : probe(program);
}
