import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processCommand } from './process-identity.js';

export interface EarlierLife {
  readonly name: string;
  /** Where the server writes its pid, on the first line. */
  readonly pidFile: string;
  /** Occurs in the server's command line and in no other process': its data directory, for instance. */
  readonly mark: string;
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  readonly log: (message: string) => void;
  /** How long to wait for the server to go by itself, and again after it was asked to. Default 15 s. */
  readonly patienceMs?: number;
}

/**
 * Sees to it that no server of an earlier life still works on the data. One that is still at its shutdown is waited
 * for; one that stays is asked to stop. A pid file left by a crash or a reboot, whose pid may belong to anybody by now,
 * is removed: the server itself might take that process for its own.
 */
export async function clearEarlierLife(life: EarlierLife): Promise<void> {
  const { name, pidFile, mark, log, patienceMs = 15_000 } = life;
  const pid = readPid(pidFile);
  if (pid === null) return;
  if (!isMarked(pid, mark)) {
    rmSync(pidFile, { force: true });
    return;
  }
  log(`${name} of an earlier start still runs (pid ${pid}); waiting for it to end`);
  if (await ends(pid, mark, patienceMs)) return;
  log(`asking the earlier ${name} to stop`);
  process.kill(pid, life.stopSignal);
  if (await ends(pid, mark, patienceMs)) return;
  throw new Error(`${name} of an earlier start (pid ${pid}) does not stop. Stop it with: kill -KILL ${pid}`);
}

function readPid(pidFile: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const isMarked = (pid: number, mark: string): boolean => processCommand(pid)?.includes(mark) ?? false;

async function ends(pid: number, mark: string, patienceMs: number): Promise<boolean> {
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(50)) {
    if (!isMarked(pid, mark)) return true;
  }
  return false;
}
