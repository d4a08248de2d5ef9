import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's root, from the source tree as well as from the built one. */
export const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

/** As `npm start` runs Apex (tools/bootstrap/node.mjs); given to every peer that runs on Node, so that none has an advantage by it. */
export const NODE_FLAGS: readonly string[] = ['--min-semi-space-size=16', '--max-semi-space-size=16', '--heap-growing-percent=100', '--use-largepages=silent'];

/** Things fetched once and kept: the load generator, peers. */
export const cacheDir = join(projectRoot, '.cache');

/** A program of this bench, beside this module: `.js` when built. */
export function programPath(name: string): string {
  return join(dirname(fileURLToPath(import.meta.url)), `${name}.js`);
}

/** Apex's own program in the build that this bench is part of. */
export const apexProgram = join(dirname(fileURLToPath(import.meta.url)), '../../apps/cli/src/main.js');

function findRoot(from: string): string {
  const manifest = join(from, 'package.json');
  if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'netra-apex') return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('the project\'s package.json was not found above the bench');
  return findRoot(parent);
}
