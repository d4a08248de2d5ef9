import { spawn } from 'node:child_process';
import { root } from './root.mjs';

/** A failure that is explained by its message alone: no stack. */
export class Failure extends Error {}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const REMIND_AFTER_MS = 15_000;

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/**
 * Shows that `work` goes on: a spinner with the elapsed time on a terminal, a line now and then elsewhere.
 * @param alone false: something else speaks meanwhile, and only the beginning and the end are told
 */
export async function step(title, work, { alone = true } = {}) {
  const since = performance.now();
  const tty = alone && process.stderr.isTTY;
  let frame = 0;
  if (!tty) process.stderr.write(`… ${title}\n`);
  const show = () => process.stderr.write(tty ? `\r${FRAMES[(frame += 1) % FRAMES.length]} ${title} ${seconds(since)} ` : `… ${title}, ${seconds(since)}\n`);
  const timer = alone ? setInterval(show, tty ? 100 : REMIND_AFTER_MS) : null;
  const end = (mark) => {
    clearInterval(timer);
    process.stderr.write(`${tty ? '\r\u001b[2K' : ''}${mark} ${title} (${seconds(since)})\n`);
  };
  try {
    const result = await work();
    end('✓');
    return result;
  } catch (error) {
    end('✗');
    throw error;
  }
}

/** Runs a program to its end. Resolves to its exit code and everything it printed. */
export function capture(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const stopChild = () => child.kill('SIGTERM');
    process.once('exit', stopChild);
    let output = '';
    const take = (chunk) => (output += chunk);
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.once('error', reject);
    child.once('close', (code) => {
      process.removeListener('exit', stopChild);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** The last lines of a program's output. */
export const tail = (output, lines = 25) => output.trimEnd().split('\n').slice(-lines).join('\n');
