import { execFileSync } from 'node:child_process';
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

const PIN_TRIES = 10;

/**
 * Gives this process, and with it all that it starts, the second core; the process under test gets the first.
 * Null, and nothing is pinned, on a machine with one core or without taskset.
 */
export function takeCores(): { target: number; load: number } | null {
  if (cpus().length < 2) return null;
  for (let tries = 0; tries < PIN_TRIES; tries++) {
    try {
      execFileSync('taskset', ['-acp', '1', String(process.pid)], { stdio: 'ignore' });
      return { target: 0, load: 1 };
    } catch {
      // A thread that ended while taskset went through them all makes it fail: once more.
    }
  }
  return null;
}
