import { readdirSync, readFileSync } from 'node:fs';

const EVERY_MS = 100;

/** Highest values since the start, in MiB. */
export interface Peak {
  /** Resident, of this process: where the code under test runs. */
  readonly nodeMib: number;
  /** Anonymous memory of all of Postgres' processes, without its shared buffers. Null where there is no /proc. */
  readonly postgresMib: number | null;
}

/** Watches memory until `stop`. @param backend the pid of one of Postgres' own processes; all that share its parent count */
export function watchMemory(backend: number): { stop(): Peak } {
  const parent = statusOf(backend)?.parent ?? null;
  const peak = { node: 0, postgres: null as number | null };
  const look = (): void => {
    peak.node = Math.max(peak.node, process.memoryUsage.rss());
    if (parent !== null) peak.postgres = Math.max(peak.postgres ?? 0, anonymousOf(parent));
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return { nodeMib: Math.round(peak.node / 2 ** 20), postgresMib: peak.postgres === null ? null : Math.round(peak.postgres / 2 ** 20) };
    },
  };
}

function anonymousOf(parent: number): number {
  let bytes = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const status = statusOf(Number(name));
    if (status?.parent === parent) bytes += status.anonymousBytes;
  }
  return bytes;
}

function statusOf(pid: number): { parent: number; anonymousBytes: number } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return { parent: field('PPid'), anonymousBytes: field('RssAnon') * 1_024 };
  } catch {
    return null;
  }
}
