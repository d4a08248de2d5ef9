import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './progress.mjs';
import { root } from './root.mjs';

/**
 * How Apex is run.
 * - `--min-semi-space-size`: V8's young generation starts small, and then requests under way are promoted and what they point
 *   to survives as garbage; from 16 MB on it does not, at half the CPU per request in the pipeline's benchmark.
 * - `--max-semi-space-size`: V8 lets it grow and shrink with what survives, and memory that swings hides memory that grows;
 *   32 MB were no faster.
 * - `--heap-growing-percent`: V8 may let a heap grow to several times what lives in it before it collects, and keeps much of
 *   that: under load it went from 70 MB that live to 330 MB. Twice is enough.
 * - `--use-largepages`: Node's own code in pages of 2 MB, where Linux has them (`silent`: else nothing is said). To look up a
 *   page is dear on a virtual machine: on one, 8 and 19 % less CPU per request were seen, for 25 MB of memory (2026-11-23).
 */
export const NODE_FLAGS = ['--enable-source-maps', '--min-semi-space-size=16', '--max-semi-space-size=16', '--heap-growing-percent=100', '--use-largepages=silent'];

/** Whether a version such as "24.1.0" is at least the one given by its numbers. */
export function hasVersion(version, atLeast) {
  const numbers = version.replace(/^v/, '').split('.').map(Number);
  for (const [index, wanted] of atLeast.entries()) {
    const own = numbers[index] ?? 0;
    if (own !== wanted) return own > wanted;
  }
  return true;
}

/** The Node that Apex runs on: the one that came by npm, else this one if it is new enough. */
export function findNode() {
  const link = join(root, 'node_modules/.bin/node');
  if (existsSync(link)) {
    const path = realpathSync(link);
    try {
      if (hasVersion(execFileSync(path, ['--version'], { encoding: 'utf8' }).trim(), [22, 15])) return path;
    } catch {
      // It does not run here (another libc, perhaps).
    }
  }
  if (hasVersion(process.versions.node, [22, 15])) return process.execPath;
  throw new Failure(`Apex runs on Node 22.15 or newer; this is ${process.versions.node}, and npm has none for ${process.platform}-${process.arch} that runs here. Install Node 24: https://nodejs.org/en/download`);
}
