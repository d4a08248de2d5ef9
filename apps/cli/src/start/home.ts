import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { acquireLock, type FileLock, lockHolder, LockedError } from '@apex/host';
import { Failure } from '../failure.js';

/** How long the data-plane processes of a start that was killed may take to notice. */
const PATIENCE_MS = 10_000;

/**
 * Takes APEX_HOME for this start and the processes that it makes; another start is refused while it holds it.
 * @throws Failure that says who has it, or why it cannot be used
 */
export async function lockHome(home: string, patienceMs = PATIENCE_MS): Promise<FileLock> {
  let lock: FileLock;
  try {
    mkdirSync(home, { recursive: true });
    lock = await acquireLock(join(home, 'lock'));
  } catch (error) {
    if (error instanceof LockedError) throw new Failure(`Apex already runs on ${home} (process ${error.pid}). Stop it, or give this one a home of its own: APEX_HOME=.apex-2 PORT=0 npm start`);
    throw new Failure(`APEX_HOME ${home} cannot be used: ${(error as Error).message}`);
  }
  try {
    await untilEarlierProcessesEnd(home, patienceMs);
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Data-plane processes end with the one that started them, but a moment after it when that one is killed. Until then
 * they listen and write: whoever writes holds the lock of a journal.
 */
async function untilEarlierProcessesEnd(home: string, patienceMs: number): Promise<void> {
  for (const deadline = Date.now() + patienceMs; ; await delay(20)) {
    const pid = journalWriter(join(home, 'journal'));
    if (pid === null) return;
    if (Date.now() > deadline) throw new Failure(`A process of an earlier start still works on ${home} (process ${pid}). Stop it with: kill -KILL ${pid}`);
  }
}

function journalWriter(directory: string): number | null {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  for (const name of names) {
    const pid = name.endsWith('.lock') ? lockHolder(join(directory, name)) : null;
    if (pid !== null) return pid;
  }
  return null;
}
