import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startChild } from '../child.js';
import { programPath } from '../paths.js';
import { CHAT_PATH, JSON_HEADERS, nodeTrust, type Target } from './target.js';

export const bare: Target = {
  name: 'bare',
  what: 'node:http in, undici out, bytes passed on, nothing else: the least a Node proxy can do',
  peer: false,
  async start({ upstream, caFile, core, logs, nodeFlags }) {
    const child = await startChild({
      command: process.execPath,
      args: [...nodeFlags, programPath('bare-proxy'), upstream],
      env: { ...process.env, ...nodeTrust(caFile) },
      core,
      logFile: join(logs, 'bare.log'),
      readyWhen: /listening (\d+)/,
      readyWithinMs: 10_000,
    });
    const { version } = createRequire(import.meta.url)('undici/package.json') as { version: string };
    return {
      version: `undici ${version}`,
      url: `http://127.0.0.1:${child.ready[1] as string}${CHAT_PATH}`,
      headers: { ...JSON_HEADERS, authorization: 'Bearer bench' },
      pid: child.pid,
      stop: () => child.stop(),
    };
  },
};
