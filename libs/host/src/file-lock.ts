import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processStart } from './process-identity.js';

/** Somebody else, alive, holds the lock. */
export class LockedError extends Error {
  constructor(
    readonly path: string,
    readonly pid: number,
  ) {
    super(`${path} is held by process ${pid}, which is running.`);
    this.name = 'LockedError';
  }
}

export interface FileLock {
  readonly path: string;
  /** Gives the lock back; only ever removes this holder's own file. Safe in an exit handler: it is synchronous. */
  release(): void;
}

interface Holder {
  readonly pid: number;
  readonly start: string;
  readonly token: string;
}

const TAKEOVER_TRIES = 100;

/**
 * Takes the lock that the file `path` stands for, among the processes of one machine. The lock of a process that was
 * killed is taken over at once: the file names its holder by pid and start time, so a pid used anew does not count.
 * The directory must exist.
 * @throws LockedError when a living process, this one included, holds it.
 */
export async function acquireLock(path: string): Promise<FileLock> {
  return acquire(path, 0);
}

/** The process, this one included, that holds the lock which the file `path` stands for; null when nobody alive does. */
export function lockHolder(path: string): number | null {
  const holder = readHolder(path);
  return typeof holder === 'object' && isAlive(holder) ? holder.pid : null;
}

async function acquire(path: string, depth: number): Promise<FileLock> {
  const own: Holder = { pid: process.pid, start: processStart(process.pid) ?? '', token: randomBytes(12).toString('hex') };
  const draft = `${path}.${own.token}`;
  writeFileSync(draft, JSON.stringify(own), { mode: 0o644, flush: true });
  try {
    for (let tries = 0; tries < TAKEOVER_TRIES; tries += 1) {
      // link(2) makes the file appear complete and for one taker only.
      if (linkIfAbsent(draft, path)) return { path, release: () => release(path, own) };
      const holder = readHolder(path);
      if (holder === 'none') continue;
      if (holder !== 'unreadable' && isAlive(holder)) throw new LockedError(path, holder.pid);
      await removeStale(path, holder, depth);
    }
    throw new Error(`${path}: the stale lock could not be taken over`);
  } finally {
    unlinkSync(draft);
  }
}

/** Only the holder of a second lock may remove a stale first one, lest two takers remove each other's. */
async function removeStale(path: string, stale: Holder | 'unreadable', depth: number): Promise<void> {
  let guard: FileLock;
  try {
    if (depth > 3) throw new Error(`${path}: too many stale locks on top of each other; remove ${path}*`);
    guard = await acquire(`${path}.takeover`, depth + 1);
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    await delay(20);
    return;
  }
  try {
    const now = readHolder(path);
    if (now === stale || (typeof now === 'object' && typeof stale === 'object' && now.token === stale.token)) unlinkSync(path);
  } finally {
    guard.release();
  }
}

function release(path: string, own: Holder): void {
  const holder = readHolder(path);
  if (typeof holder === 'object' && holder.token === own.token) unlinkSync(path);
}

const isAlive = (holder: Holder): boolean => processStart(holder.pid) === holder.start;

function linkIfAbsent(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): Holder | 'none' | 'unreadable' {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    throw error;
  }
  try {
    const holder = JSON.parse(text) as Partial<Holder>;
    if (typeof holder.pid !== 'number' || typeof holder.start !== 'string' || typeof holder.token !== 'string') return 'unreadable';
    return { pid: holder.pid, start: holder.start, token: holder.token };
  } catch {
    // A power cut may leave the file empty.
    return 'unreadable';
  }
}
