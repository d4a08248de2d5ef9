import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type LoadGenerator, type LoadResult } from './load.js';
import { programPath } from './paths.js';
import { findWrk } from './wrk.js';

const run = promisify(execFile);

/** wrk where it can be had, else our own. Both inherit the core of this process. */
export async function findLoadGenerator(scratch: string, log: (line: string) => void): Promise<LoadGenerator> {
  const wrk = await findWrk(scratch, log);
  if (wrk) return wrk;
  return {
    name: 'raw sockets on Node (wrk could not be had)',
    async run(plan) {
      const { stdout } = await run(process.execPath, [programPath('socket-load'), JSON.stringify(plan)]);
      return JSON.parse(stdout) as LoadResult;
    },
  };
}
