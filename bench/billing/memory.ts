import { readdirSync, readFileSync } from 'node:fs';

const EVERY_MS = 100;

/** Highest values, in MiB. */
export interface Peak {
  /** Resident, of the process that runs the step. */
  readonly nodeMib: number;
  /** Anonymous memory of all of Postgres' processes, without its shared buffers. Null where there is no /proc. */
  readonly postgresMib: number | null;
}

/** The process that all of Postgres' are children of. @param backend the pid of one of them */
export const postmasterOf = (backend: number): number | null => statusOf(backend)?.parent ?? null;

/** Watches the memory of a postmaster's children until `stop`. */
export function watchPostgres(parent: number | null): { stop(): number | null } {
  let peak = 0;
  const look = (): void => {
    if (parent !== null) peak = Math.max(peak, anonymousOf(parent));
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return parent === null ? null : Math.round(peak / 2 ** 20);
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
