import { setTimeout as pause } from 'node:timers/promises';

/** Resolves when `isSo` is true; for what another process tells nobody of. The test's own time limit ends the wait. */
export async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(10);
}
