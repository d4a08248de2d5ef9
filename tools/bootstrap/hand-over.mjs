import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from './root.mjs';

/**
 * Runs the program in our place: its terminal, its signals, its exit code. Ctrl-C reaches it by the terminal as well as
 * through us: it has to bear a signal that comes twice. `tether`: a channel by which it notices when we are killed.
 */
export function handOver(node, args, { env = {}, tether = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, {
      stdio: ['inherit', 'inherit', 'inherit', ...(tether ? ['ipc'] : [])],
      // Compiled code is kept for the next start, which is quicker for it.
      env: { NODE_COMPILE_CACHE: join(root, '.cache/v8'), ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}`, ...env },
    });
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const forward = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const each of signals) process.removeListener(each, forward);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
