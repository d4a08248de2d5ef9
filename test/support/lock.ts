import { acquireLock, type FileLock, LockedError } from '@apex/host';
import { eventually } from './eventually.js';

/** Takes a lock once nobody else has it: of several suites that come at once, one fetches. */
export const waitForLock = (path: string, limitMs: number): Promise<FileLock> => eventually(`the lock ${path}`, () => tryLock(path), limitMs);

async function tryLock(path: string): Promise<FileLock | undefined> {
  try {
    return await acquireLock(path);
  } catch (error) {
    if (error instanceof LockedError) return undefined;
    throw error;
  }
}
