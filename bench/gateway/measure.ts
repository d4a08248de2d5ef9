import { setTimeout as delay } from 'node:timers/promises';
import { type LoadGenerator, type LoadResult, leastBytes } from './load.js';
import { describeCase, type Case } from './plan.js';
import { cpuSeconds, processTree, readCores, residentMib, type CoreTicks } from './proc.js';
import { chatBody } from './requests.js';
import { type RunningTarget, type Settlement } from './targets/target.js';

/** One load on one target. Times in microseconds, memory in MiB, shares of one core. */
export interface Run extends LoadResult {
  readonly target: string;
  /** Completions that the upstream served for it. */
  readonly upstreamServed: number;
  /** User and system time of the process under test for each completed request, what it does after the load included. */
  readonly cpuUs: number | null;
  /** The same, of the load's duration alone. */
  readonly cpuUsDuringLoad: number | null;
  readonly residentMib: number | null;
  /** How busy the process under test kept its core. Well below 1 at many connections: something else was the limit. */
  readonly targetShare: number | null;
  readonly loadCoreShare: number;
  /** Of it: what the upstream and the stores took. The rest is the load generator's and the kernel's. */
  readonly upstreamShare: number;
  readonly postgresShare: number;
  readonly redisShare: number;
  /** What others took of both cores, hypervisor included: above a few hundredths, do not quote this run. */
  readonly foreignShare: number;
  readonly settlement: Settlement | null;
  /** Why the run does not count; empty: it counts. */
  readonly problems: readonly string[];
}

export interface Bench {
  readonly load: LoadGenerator;
  /** Where the upstream's counts are asked for. */
  readonly statsOrigin: string;
  readonly upstreamPid: number;
  /** Cores of the process under test and of everything else; null: not pinned. */
  readonly cores: { readonly target: number; readonly load: number } | null;
}

export async function measure(bench: Bench, name: string, target: RunningTarget, which: Case, seconds: number): Promise<Run> {
  const settle = await target.beginAccount?.();
  const servedBefore = await served(bench.statsOrigin);
  const snapshot = (): Snapshot => takeSnapshot(target.pid, bench.upstreamPid);
  const before = snapshot();
  const load = await bench.load.run({ url: target.url, headers: target.headers, body: chatBody(which.mode, which.bodyBytes), connections: which.connections, seconds });
  const after = snapshot();
  const memory = target.pid === null ? null : residentMib(processTree(target.pid));
  const upstreamServed = (await served(bench.statsOrigin)) - servedBefore;
  let settled = after;
  const settlement = settle ? await settle(load.completed, () => (settled = snapshot())) : null;
  const calm = target.pid === null || (await untilCalm(target.pid));

  const wall = after.at - before.at;
  const used = after.cpu - before.cpu;
  const shares = perCore(before.cores, after.cores, ({ busy }) => busy);
  const ours = (after.own - before.own) / wall;
  const others = total(perCore(before.cores, after.cores, ({ busy, interrupts, stolen }) => busy - interrupts + stolen)) - ours;
  const result = { ...load, upstreamServed, settlement };
  return {
    target: name,
    ...result,
    cpuUs: target.pid === null ? null : ((settled.cpu - before.cpu) / load.completed) * 1e6,
    cpuUsDuringLoad: target.pid === null ? null : (used / load.completed) * 1e6,
    residentMib: memory,
    targetShare: target.pid === null ? null : used / wall,
    loadCoreShare: bench.cores ? (shares[bench.cores.load] ?? 0) : total(shares) - used / wall,
    upstreamShare: (after.upstream - before.upstream) / wall,
    postgresShare: (after.postgres - before.postgres) / wall,
    redisShare: (after.redis - before.redis) / wall,
    foreignShare: Math.max(0, others),
    problems: [...problemsOf(which, result), ...(calm ? [] : [`${describeCase(which)}: still busy ${CALM_PATIENCE_MS / 1_000} s after the load`])],
  };
}

/**
 * Speed that comes from not doing the work is no speed: each answer must be there, whole, asked of the upstream, and,
 * for a target that keeps books, in them. What is on the way when the load ends may be counted on one side only.
 */
export function problemsOf(which: Case, run: LoadResult & { readonly upstreamServed: number; readonly settlement: Settlement | null }): string[] {
  const { completed, errors, bytesReceived, upstreamServed, settlement } = run;
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(`${describeCase(which)}: ${problem}`);
  if (completed === 0) say('no answer came');
  if (errors > 0) say(`${errors} errors`);
  if (bytesReceived < completed * leastBytes(which.mode)) say(`answers of ${Math.round(bytesReceived / Math.max(1, completed))} bytes are not whole`);
  if (upstreamServed < completed && which.mode !== 'hit') say(`${completed} answers, but the upstream served only ${upstreamServed}`);
  if (settlement && settlement.recorded < completed) say(`${completed} answers, but only ${settlement.recorded} recorded`);
  if (settlement && settlement.recorded > completed + which.connections) say(`${completed} answers, but ${settlement.recorded} recorded`);
  return problems;
}

const CALM_WINDOW_MS = 200;
const CALM_SHARE = 0.15;
const CALM_PATIENCE_MS = 60_000;

/**
 * Waits until a process hardly uses its core: requests that the end of the load cut off may still be worked on, on the
 * core that the next target needs. False when patience has ended.
 */
async function untilCalm(pid: number): Promise<boolean> {
  const deadline = performance.now() + CALM_PATIENCE_MS;
  for (let before = cpuSeconds(processTree(pid)); performance.now() < deadline;) {
    await delay(CALM_WINDOW_MS);
    const now = cpuSeconds(processTree(pid));
    if (now - before <= CALM_SHARE * (CALM_WINDOW_MS / 1_000)) return true;
    before = now;
  }
  return false;
}

interface Snapshot {
  /** Seconds. */
  readonly at: number;
  readonly cpu: number;
  /** CPU of this bench with all its children: targets, upstream, stores, load generator. */
  readonly own: number;
  readonly upstream: number;
  readonly postgres: number;
  readonly redis: number;
  readonly cores: readonly CoreTicks[];
}

function takeSnapshot(pid: number | null, upstreamPid: number): Snapshot {
  const own = processTree(process.pid);
  return {
    at: performance.now() / 1000,
    cpu: pid === null ? 0 : cpuSeconds(processTree(pid)),
    own: cpuSeconds(own),
    upstream: cpuSeconds(own.filter((process) => process.pid === upstreamPid)),
    postgres: cpuSeconds(own.filter(({ name }) => name === 'postgres')),
    redis: cpuSeconds(own.filter(({ name }) => name === 'redis-server')),
    cores: readCores(),
  };
}

function perCore(before: readonly CoreTicks[], after: readonly CoreTicks[], pick: (ticks: CoreTicks) => number): number[] {
  return after.map((core, i) => {
    const earlier = before[i] ?? core;
    return (pick(core) - pick(earlier)) / Math.max(1, core.total - earlier.total);
  });
}

function total(shares: readonly number[]): number {
  return shares.reduce((sum, share) => sum + share, 0);
}

async function served(statsOrigin: string): Promise<number> {
  const { json, sse } = (await (await fetch(`${statsOrigin}/stats`)).json()) as { json: number; sse: number };
  return json + sse;
}
