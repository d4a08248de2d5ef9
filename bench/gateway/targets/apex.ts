import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@apex/host';
import { z } from 'zod';
import { startChild } from '../child.js';
import { apexProgram, projectRoot } from '../paths.js';
import { startStores } from './stores.js';
import { CHAT_PATH, JSON_HEADERS, nodeTrust, type RunningTarget, type Settlement, type Surroundings, type Target } from './target.js';

const credentialsSchema = z.object({ baseUrl: z.url(), apiKey: z.string(), adminToken: z.string() });
const usageSchema = z.object({ total: z.object({ requests: z.number() }) });

const DRAIN_PATIENCE_MS = 300_000;
/** Long enough not to weigh on the database, short against any drain worth reporting. */
const DRAIN_POLL_MS = 250;
/** The number of records counts as final when it has not grown for so long: longer than any batch waits. */
const STILL_MS = 2_000;

/** Apex as a user starts it, with stores of its own on the load's core; nothing is switched off. */
export const apex: Target = {
  name: 'apex',
  what: 'Apex with everything on: keys, limits, flags, prices, journal, records in Postgres',
  peer: false,
  start: (surroundings) => startApex(surroundings, 'apex', {}),
};

/** Its state goes into `scratch`, its log to `NAME.log`; `settings` are added to its environment. */
export async function startApex({ upstream, caFile, core, scratch, logs, nodeFlags, log }: Surroundings, name: string, settings: Readonly<Record<string, string>>): Promise<RunningTarget> {
  if (!existsSync(apexProgram)) throw new Error('Apex is not built: npm run build');
  const stores = await startStores(scratch, log);
  try {
    const home = join(scratch, 'apex-home');
    mkdirSync(home);
    const child = await startChild({
      command: process.execPath,
      args: [...nodeFlags, apexProgram, 'start'],
      cwd: projectRoot,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        PORT: String(await freePort()),
        APEX_HOME: home,
        OPENAI_BASE_URL: `${upstream}/v1`,
        OPENAI_API_KEY: 'bench',
        DATABASE_URL: stores.databaseUrl,
        REDIS_URL: stores.redisUrl,
        APEX_LOG_LEVEL: 'warn',
        ...nodeTrust(caFile),
        ...settings,
      },
      core,
      logFile: join(logs, `${name}.log`),
      readyWhen: /^Apex is ready.*$/m,
      readyWithinMs: 60_000,
    });
    const { baseUrl, apiKey } = credentialsSchema.parse(JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')));
    const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
    const count = (): Promise<number> => recordedRequests(baseUrl, apiKey);
    return {
      version,
      url: baseUrl + CHAT_PATH,
      headers: { ...JSON_HEADERS, authorization: `Bearer ${apiKey}` },
      pid: child.pid,
      async beginAccount() {
        const before = await count();
        return (completed, onGrowth) => untilRecorded(count, before, completed, onGrowth);
      },
      async stop() {
        await child.stop();
        await stores.stop();
      },
    };
  } catch (error) {
    await stores.stop();
    throw error;
  }
}

async function recordedRequests(baseUrl: string, apiKey: string): Promise<number> {
  const hour = 3_600_000;
  const period = new URLSearchParams({ from: new Date(Date.now() - 12 * hour).toISOString(), to: new Date(Date.now() + hour).toISOString() });
  const response = await fetch(`${baseUrl}/api/usage?${period.toString()}`, { headers: { authorization: `Bearer ${apiKey}` } });
  if (!response.ok) throw new Error(`GET /api/usage answered ${response.status}: ${await response.text()}`);
  return usageSchema.parse(await response.json()).total.requests;
}

/**
 * Waits until at least `completed` records are there and their number has stopped growing: requests that were on the
 * way when the load ended have a record too. Gives what is there when patience ends; the caller compares.
 */
async function untilRecorded(count: () => Promise<number>, before: number, completed: number, onGrowth: () => void): Promise<Settlement> {
  const startedAt = performance.now();
  let last = { recorded: -1, drainSeconds: 0 };
  for (;;) {
    const recorded = (await count()) - before;
    const elapsedMs = performance.now() - startedAt;
    if (recorded !== last.recorded) {
      last = { recorded, drainSeconds: elapsedMs / 1000 };
      onGrowth();
    }
    const still = elapsedMs - last.drainSeconds * 1000 >= STILL_MS;
    if (still && (recorded >= completed || elapsedMs > DRAIN_PATIENCE_MS)) return last;
    await delay(DRAIN_POLL_MS);
  }
}
