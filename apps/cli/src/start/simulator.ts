import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { keepServer, type TetheredServer } from '@apex/host';
import { type Store } from './stores.js';
import { note } from './terminal.js';

const PROGRAM = fileURLToPath(new URL('../../../simulator/src/main.js', import.meta.url));

/**
 * The simulated provider as a process of its own: it ends with this one and is started again if it dies.
 * `url` is the base URL as SDKs have it, with `/v1`.
 */
export async function startSimulator(): Promise<Store<string>> {
  const kept = await keepServer({ name: 'The simulated provider', start: run, log: note });
  return { url: `http://127.0.0.1:${kept.port}/v1`, stop: () => kept.stop() };
}

async function run(port: number): Promise<TetheredServer> {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith('SIMULATOR_'));
  const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM], {
    env: { PATH: process.env['PATH'], ...Object.fromEntries(settings), SIMULATOR_TETHER: '1', SIMULATOR_PORT: String(port) },
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C is meant for Apex, which lets open requests end before the provider goes.
    detached: true,
  });
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit status ${code ?? 'unknown'}` : `signal ${signal}`));
  });
  child.stdin.on('error', () => undefined);
  const listening = new Promise<void>((resolve) => createInterface({ input: child.stdout }).once('line', () => resolve()));
  const early = await Promise.race([listening, exited]);
  if (early !== undefined) throw new Error(`the simulated provider did not start (${early})`);
  return {
    exited,
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}
