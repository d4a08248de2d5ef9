import { setTimeout as delay } from 'node:timers/promises';
import { freePort, isPortFree } from './ports.js';
import { logTail } from './log-tail.js';
import { type TetheredServer } from './tether.js';

export interface KeptServer {
  readonly port: number;
  /** Stops the server cleanly and no longer restarts it. */
  stop(): Promise<void>;
}

export interface KeepServerOptions {
  /** In messages: "Postgres". */
  readonly name: string;
  /** A given port that is taken is an error; else a free one is found. Restarts use the same. */
  readonly port?: number | undefined;
  /** Starts the server on this port; resolves when it answers. */
  readonly start: (port: number) => Promise<TetheredServer>;
  readonly log: (message: string) => void;
  /** First pause before a restart, doubled up to `maxPauseMs` while restarts fail. */
  readonly minPauseMs?: number;
  readonly maxPauseMs?: number;
}

const PORT_TRIES = 5;

/** Starts a server and starts it again, with growing pauses, whenever it ends without having been asked to. */
export async function keepServer(options: KeepServerOptions): Promise<KeptServer> {
  const { name, start, log, minPauseMs = 200, maxPauseMs = 30_000 } = options;
  const stopping = new AbortController();
  const first = await startFirst(options);
  const { port } = first;
  let current: TetheredServer | null = first.server;

  const watch = async (): Promise<void> => {
    let pause = minPauseMs;
    while (!stopping.signal.aborted) {
      const why: string | null = current === null ? null : await current.exited;
      if (stopping.signal.aborted) return;
      current = null;
      if (why !== null) log(`${name} ended by itself (${why}); starting it again`);
      await delay(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      try {
        current = await start(port);
        pause = minPauseMs;
        log(`${name} is back`);
      } catch (error) {
        pause = Math.min(pause * 2, maxPauseMs);
        log(`${name} could not be started again: ${(error as Error).message}; next try in ${pause} ms`);
      }
    }
  };
  const watching = watch();

  return {
    port,
    async stop() {
      stopping.abort();
      await current?.stop();
      await watching;
      // A restart may have been under way while we were asked to stop.
      await current?.stop();
    },
  };
}

async function startFirst({ name, port, start }: KeepServerOptions): Promise<{ port: number; server: TetheredServer }> {
  if (port !== undefined) {
    if (!(await isPortFree(port))) throw new Error(`Port ${port} is taken; ${name} cannot listen there.`);
    return { port, server: await start(port) };
  }
  for (let tries = 1; ; tries += 1) {
    const candidate = await freePort();
    try {
      return { port: candidate, server: await start(candidate) };
    } catch (error) {
      // Somebody may have taken the port between our look and the server's bind.
      if (tries === PORT_TRIES || (await isPortFree(candidate))) throw error;
    }
  }
}

export interface AnswerOptions {
  readonly name: string;
  readonly logFile: string;
  readonly timeoutMs: number;
  /** Asks the server once; rejects while it does not answer. */
  readonly ask: () => Promise<void>;
  /** An answer that will not get better by waiting. */
  readonly isFinal?: (error: unknown) => boolean;
}

/** Waits until a server that has just been started answers. @throws with the end of its log when it ends or stays silent. */
export async function untilAnswers(server: TetheredServer, { name, logFile, timeoutMs, ask, isFinal }: AnswerOptions): Promise<void> {
  let ended: string | null = null;
  void server.exited.then((why) => (ended = why));
  const withLog = (message: string, cause?: unknown): Error => new Error(`${message}. The end of ${logFile}:\n${logTail(logFile)}`, { cause });
  for (const deadline = Date.now() + timeoutMs; ; await delay(15)) {
    if (ended !== null) throw withLog(`${name} did not start (${ended})`);
    try {
      return await ask();
    } catch (error) {
      if (Date.now() < deadline && !isFinal?.(error)) continue;
      await server.stop();
      throw withLog(`${name} does not answer: ${(error as Error).message}`, error);
    }
  }
}
