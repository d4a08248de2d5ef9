import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type as osType } from 'node:os';
import { projectRoot } from './paths.js';

/** The class of machine, not its name: enough to know which figures may be compared. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
}

export function thisMachine(): Machine {
  const all = cpus();
  return { cores: all.length, cpu: all[0]?.model.trim() ?? 'unknown', memoryGib: Math.round(totalmem() / 2 ** 30), system: `${osType()} ${release()}`, node: process.version };
}

/** The commit under test, `+` behind it when the tree had changes; null outside of a git checkout or before its first commit. */
export function sourceRevision(): string | null {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: projectRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return null;
  }
}

/** Parses /proc/PID/limits: how many files a process may have open; null: no limit, or none told. */
export function parseOpenFiles(limits: string): number | null {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? null : Number(soft);
}

/** A proxy has two sockets for each connection; the rest is for everything else that it has open. */
export const openFilesFor = (connections: number): number => 2 * connections + 500;

/**
 * Node raises its limit as far as it may, and what it starts inherits that.
 * @throws Error when so many connections cannot be had
 */
export function requireOpenFiles(connections: number): void {
  const allowed = process.platform === 'linux' ? parseOpenFiles(readFileSync('/proc/self/limits', 'utf8')) : null;
  const needed = openFilesFor(connections);
  if (allowed !== null && allowed < needed) throw new Error(`${connections} connections need ${needed} open files in one process, and ${allowed} are allowed (ulimit -Hn)`);
}

const PIN_TRIES = 10;

/**
 * Gives this process, and with it all that it starts, the second core; the process under test gets the first.
 * Null, and nothing is pinned, on a machine with one core or without taskset.
 */
export function takeCores(): { target: number; load: number } | null {
  return cpus().length >= 2 && pinTo('1') ? { target: 0, load: 1 } : null;
}

/** Keeps this process, and with it all that it starts, on these cores, as taskset lists them. False where it cannot be done. */
export function pinTo(list: string): boolean {
  for (let tries = 0; tries < PIN_TRIES; tries++) {
    try {
      execFileSync('taskset', ['-acp', list, String(process.pid)], { stdio: 'ignore' });
      return true;
    } catch {
      // A thread that ended while taskset went through them all makes it fail: once more.
    }
  }
  return false;
}
