import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@apex/host';
import { startChild } from '../child.js';
import { cacheDir, projectRoot } from '../paths.js';
import { CHAT_PATH, JSON_HEADERS, nodeTrust, type Target } from './target.js';

const run = promisify(execFile);
const PACKAGE = 'node_modules/@portkey-ai/gateway';

/** The peer's own folder, its own lock file: it never becomes a dependency of the project. */
async function installed(log: (line: string) => void): Promise<{ script: string; version: string }> {
  const home = join(cacheDir, 'peers/portkey');
  const recipe = join(projectRoot, 'bench/peers/portkey');
  const wanted = readFileSync(join(recipe, 'package-lock.json'), 'utf8');
  const lock = join(home, 'package-lock.json');
  const script = join(home, PACKAGE, 'build/start-server.js');
  if (!existsSync(script) || !existsSync(lock) || readFileSync(lock, 'utf8') !== wanted) {
    log('installing the Portkey gateway into .cache/peers (once)');
    mkdirSync(home, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(recipe, file), join(home, file));
    await run('npm', ['ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'], { cwd: home, maxBuffer: 16 << 20 });
  }
  const { version } = JSON.parse(readFileSync(join(home, PACKAGE, 'package.json'), 'utf8')) as { version: string };
  return { script, version };
}

export const portkey: Target = {
  name: 'portkey',
  what: 'the Portkey gateway from npm (MIT) as it comes, on the same Node: routes and translates, records nothing',
  peer: true,
  async start({ upstream, caFile, core, logs, nodeFlags, log }) {
    const { script, version } = await installed(log);
    const port = await freePort();
    const child = await startChild({
      command: process.execPath,
      args: [...nodeFlags, script, `--port=${port}`, '--headless'],
      env: { ...process.env, NODE_ENV: 'production', ...nodeTrust(caFile) },
      core,
      logFile: join(logs, 'portkey.log'),
      readyWhen: /Ready for connections/,
      readyWithinMs: 20_000,
    });
    return {
      version,
      url: `http://127.0.0.1:${port}${CHAT_PATH}`,
      headers: { ...JSON_HEADERS, authorization: 'Bearer bench', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream}/v1` },
      pid: child.pid,
      stop: () => child.stop(),
    };
  },
};
