import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { Failure } from '../failure.js';

const credentialsSchema = z.object({ baseUrl: z.url(), apiKey: z.string(), adminToken: z.string() });

export interface Apex {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Ends it if it was started for this run; leaves one alone that ran before. */
  stop(): Promise<void>;
}

/** The Apex of APEX_HOME: the one that runs, or one started for as long as it is needed. */
export async function useApex(): Promise<Apex> {
  const home = resolve(process.env['APEX_HOME'] ?? '.apex');
  const running = readCredentials(home);
  if (running !== null && (await answers(running.baseUrl))) return { ...running, stop: () => Promise.resolve() };
  const stop = await startApex();
  const credentials = readCredentials(home);
  if (credentials === null) throw new Failure(`Apex started, and left no credentials in ${home}: APEX_DEMO=on makes them.`);
  return { ...credentials, stop };
}

function readCredentials(home: string): z.infer<typeof credentialsSchema> | null {
  try {
    return credentialsSchema.parse(JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')));
  } catch {
    return null;
  }
}

async function answers(baseUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${baseUrl}/ready`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

async function startApex(): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, [process.argv[1]!, 'start'], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, APEX_LOG_LEVEL: process.env['APEX_LOG_LEVEL'] ?? 'warn' } });
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  const ready = new Promise<boolean>((done) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('Apex is ready')) done(true);
    });
    void exited.then(() => done(false));
  });
  if (!(await ready)) throw new Failure('Apex could not be started; its own words are above.');
  return async () => {
    child.kill('SIGTERM');
    await exited;
  };
}
