import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Pinned by taskset to this core, or to these (`0,1`); null: not pinned. */
  readonly core: number | string | null;
  /** Standard output and error go here. */
  readonly logFile: string;
  /** The child is ready when its output matches; the match is given back. */
  readonly readyWhen: RegExp;
  readonly readyWithinMs: number;
}

export interface Child {
  readonly pid: number;
  readonly ready: RegExpExecArray;
  /** SIGTERM, and SIGKILL when it has not ended after ten seconds. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 10_000;

/** Starts a server and waits until its output says that it is ready. taskset execs: the pid is the server's own. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const pin = options.core === null ? [] : ['taskset', '-c', String(options.core)];
  const [command, ...args] = [...pin, options.command, ...options.args] as [string, ...string[]];
  // A file and not a pipe: a server's chatter then costs it the same whether or not this process has time to read.
  const log = openSync(options.logFile, 'w');
  const child = spawn(command, args, { env: options.env ?? process.env, stdio: ['ignore', log, log], ...(options.cwd ? { cwd: options.cwd } : {}) });
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit status ${code ?? 'unknown'}`));
  });
  const stop = async (): Promise<void> => {
    if (isRunning(child)) child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await ended;
    clearTimeout(killer);
  };
  try {
    const ready = await untilOutput(options, () => isRunning(child));
    return { pid: child.pid as number, ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function untilOutput(options: ChildOptions, running: () => boolean): Promise<RegExpExecArray> {
  const deadline = Date.now() + options.readyWithinMs;
  for (;;) {
    const output = readFileSync(options.logFile, 'utf8');
    const match = options.readyWhen.exec(output);
    if (match) return match;
    if (!running() || Date.now() > deadline) {
      throw new Error(`${options.args.at(0) ?? options.command} did not get ready; the end of its output:\n${output.slice(-2_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
