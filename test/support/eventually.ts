import { setTimeout as pause } from 'node:timers/promises';

const BETWEEN_LOOKS_MS = 20;

/**
 * Looks again and again until `look` gives something other than undefined, and gives that. For what no event tells:
 * another process' tables and answers. `what` names it in the error.
 */
export async function eventually<T>(what: string, look: () => T | undefined | Promise<T | undefined>, limitMs = 5_000): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new Error(`Did not come about within ${limitMs} ms: ${what}`);
    await pause(BETWEEN_LOOKS_MS);
  }
}

/** Resolves when the condition holds; `what` names it in the error. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, limitMs = 20_000): Promise<void> {
  await eventually(what, async () => ((await holds()) ? true : undefined), limitMs);
}
