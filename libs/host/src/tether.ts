import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';

/**
 * A shell stands between this process and the server. It learns of this process' death, whatever the cause, by the end
 * of its standard input, and then asks the server to stop: nothing polls, and the server gets to close its files.
 * `$1` is the signal that means "stop cleanly"; the rest is the server's command.
 */
const SCRIPT = `
signal=$1; shift
"$@" </dev/null 3<&- &
server=$!
{ read -r _; kill -"$signal" "$server"; } <&3 2>/dev/null &
watcher=$!
exec 3<&- </dev/null
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
exit "$status"
`;

export interface TetherOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The server's output is appended here; kept below some megabytes by moving it to `<logFile>.1` at the start. */
  readonly logFile: string;
  /** The signal on which the server stops cleanly. */
  readonly stopSignal: 'INT' | 'TERM';
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

export interface TetheredServer {
  /** Resolves when the server has ended, for whatever reason; never rejects. */
  readonly exited: Promise<string>;
  /** Asks for a clean stop and waits for it; after `graceMs` it is killed. */
  stop(graceMs?: number): Promise<void>;
}

const LOG_LIMIT = 8 * 1024 * 1024;

/** Starts a server that ends cleanly when this process ends, even by SIGKILL. It has a session of its own: Ctrl-C is ours to handle. */
export function spawnTethered(options: TetherOptions): TetheredServer {
  rotate(options.logFile);
  const log = openSync(options.logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn('/bin/sh', ['-c', `exec 3<&0\n${SCRIPT}`, 'tether', options.stopSignal, options.command, ...options.args], {
      ...options.user,
      env: options.env,
      cwd: options.cwd,
      detached: true,
      stdio: ['pipe', log, log],
    });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit status ${code ?? 'unknown'}` : `signal ${signal}`));
  });
  // The pipe breaks when the server is gone first; that is told by `exited`.
  child.stdin?.on('error', () => undefined);
  return {
    exited,
    async stop(graceMs = 20_000) {
      child.stdin?.end();
      const timer = setTimeout(() => killGroup(child), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone in the meantime.
  }
}

function rotate(logFile: string): void {
  try {
    if (statSync(logFile).size > LOG_LIMIT) renameSync(logFile, `${logFile}.1`);
  } catch {
    // No log yet.
  }
}
