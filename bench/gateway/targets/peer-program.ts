import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../paths.js';

/**
 * Where a peer's program is: what the variable names, else its place under `.cache/peers/`. The bench does not fetch
 * such programs; bench/peers/README.md says how to get them.
 * @throws Error that says where it was looked for
 */
export function peerProgram(variable: string, place: string): string {
  const named = process.env[variable];
  const path = named ?? join(cacheDir, 'peers', place);
  if (existsSync(path)) return path;
  throw new Error(named === undefined ? `not installed: neither ${variable} nor .cache/peers/${place} is there` : `not installed: ${variable} names a file that is not there`);
}
