import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '@apex/host';
import { startChild } from '../child.js';
import { peerProgram } from './peer-program.js';
import { CHAT_PATH, JSON_HEADERS, opensslTrust, type Target } from './target.js';

const KEY = 'sk-bench';

/** LiteLLM's proxy, set up as its documentation does for production, less what needs a database of its own. */
export const litellm: Target = {
  name: 'litellm',
  what: 'the LiteLLM proxy from PyPI (MIT), one worker, no database: checks one fixed key, routes, translates and prices, records nothing',
  peer: true,
  async start({ upstream, caFile, core, scratch, logs }) {
    const program = peerProgram('LITELLM_BIN', 'litellm/bin/litellm');
    const home = join(scratch, 'litellm');
    mkdirSync(home);
    const config = join(home, 'config.yaml');
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({
      model_list: [{ model_name: 'gpt-4o-mini', litellm_params: { model: 'openai/gpt-4o-mini', api_base: `${upstream}/v1`, api_key: 'bench' } }],
      general_settings: { master_key: KEY },
    }));
    const env = {
      ...process.env,
      LITELLM_MODE: 'PRODUCTION',
      LITELLM_LOG: 'ERROR',
      // Its own copy of the prices: else it asks the network for them at each start.
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      NO_COLOR: '1',
      ...opensslTrust(caFile),
    };
    const { stdout } = await promisify(execFile)(program, ['--version'], { env, cwd: home });
    const port = await freePort();
    const child = await startChild({
      command: program,
      args: ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1', '--telemetry', 'False'],
      env,
      cwd: home,
      core,
      logFile: join(logs, 'litellm.log'),
      readyWhen: /Proxy initialized with Config/,
      readyWithinMs: 180_000,
    });
    await untilAlive(`http://127.0.0.1:${port}/health/liveliness`).catch(async (error: unknown) => {
      await child.stop();
      throw error;
    });
    return {
      version: /Version = (\S+)/.exec(stdout)?.[1] ?? 'unknown version',
      url: `http://127.0.0.1:${port}${CHAT_PATH}`,
      headers: { ...JSON_HEADERS, authorization: `Bearer ${KEY}` },
      pid: child.pid,
      stop: () => child.stop(),
    };
  },
};

const ALIVE_WITHIN_MS = 60_000;

/** With the log level that its documentation gives for production it does not say when it listens. */
async function untilAlive(url: string): Promise<void> {
  for (const deadline = performance.now() + ALIVE_WITHIN_MS; ;) {
    const alive = await fetch(url).then(({ ok }) => ok, () => false);
    if (alive) return;
    if (performance.now() > deadline) throw new Error(`not alive after ${ALIVE_WITHIN_MS / 1_000} s`);
    await delay(200);
  }
}
