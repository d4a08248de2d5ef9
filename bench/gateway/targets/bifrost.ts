import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@apex/host';
import { startChild } from '../child.js';
import { peerProgram } from './peer-program.js';
import { JSON_HEADERS, opensslTrust, type Target } from './target.js';

/** Bifrost's HTTP gateway by its configuration file alone: no store of settings and none of logs. */
export const bifrost: Target = {
  name: 'bifrost',
  what: 'the Bifrost gateway (Go, Apache-2.0), one process on one core, stores off: routes and translates, checks no key of the client, records nothing',
  peer: true,
  async start({ upstream, caFile, core, scratch, logs }) {
    const program = peerProgram('BIFROST_BIN', 'bifrost/bifrost-http');
    const home = join(scratch, 'bifrost');
    mkdirSync(home);
    writeFileSync(join(home, 'config.json'), JSON.stringify({
      client: { drop_excess_requests: false, enable_logging: false },
      providers: {
        openai: {
          keys: [{ name: 'bench', value: 'bench', models: ['gpt-4o-mini'], weight: 1 }],
          network_config: { base_url: upstream, default_request_timeout_in_seconds: 30, max_retries: 0 },
        },
      },
      config_store: { enabled: false },
      logs_store: { enabled: false },
    }));
    const port = await freePort();
    const child = await startChild({
      command: program,
      args: ['-app-dir', home, '-host', '127.0.0.1', '-port', String(port)],
      env: { ...process.env, ...opensslTrust(caFile) },
      cwd: home,
      core,
      logFile: join(logs, 'bifrost.log'),
      readyWhen: /(?:(v\d+\.\d+\.\d+\S*)[^]*)?successfully started bifrost/,
      readyWithinMs: 60_000,
    });
    return {
      version: child.ready[1] ?? 'unknown version',
      // The path of its OpenAI drop-in, where a model's name needs no provider before it.
      url: `http://127.0.0.1:${port}/openai/v1/chat/completions`,
      headers: JSON_HEADERS,
      pid: child.pid,
      stop: () => child.stop(),
    };
  },
};
