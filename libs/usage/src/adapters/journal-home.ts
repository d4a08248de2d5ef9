import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, type FileLock, LockedError } from '@apex/database';
import { listSegments, type SegmentFile } from './journal-files.js';

/** A journal's directory, held: no other process reads or writes it until `release`. */
export interface HeldJournal {
  readonly name: string;
  readonly directory: string;
  /** What an earlier holder left behind, oldest first. */
  readonly leftover: readonly SegmentFile[];
  release(): void;
}

const SLOTS = 256;

/** The journals of one `APEX_HOME`: `journal/<name>/` with its segments, `journal/<name>.lock` with its holder. */
export class JournalHome {
  readonly root: string;

  constructor(home: string) {
    this.root = join(home, 'journal');
    mkdirSync(this.root, { recursive: true, mode: 0o700 });
  }

  /** Where rows go that Postgres refuses. */
  get rejectedPath(): string {
    return join(this.root, 'rejected.jsonl');
  }

  /**
   * The journal of this name, or the first free one of p0, p1, ...
   * @throws LockedError when the named one is held by a living process
   */
  async take(name?: string): Promise<HeldJournal> {
    if (name !== undefined) return this.hold(name);
    for (let slot = 0; slot < SLOTS; slot++) {
      const held = await this.tryHold(`p${slot}`);
      if (held) return held;
    }
    throw new Error(`${SLOTS} processes write journals in ${this.root}; give each its own APEX_HOME`);
  }

  /** The journals whose holder is dead and that still hold something; they are the caller's until it releases them. */
  async takeOrphans(): Promise<HeldJournal[]> {
    const orphans: HeldJournal[] = [];
    for (const entry of readdirSync(this.root, { withFileTypes: true })) {
      if (!entry.isDirectory() || listSegments(join(this.root, entry.name)).length === 0) continue;
      const held = await this.tryHold(entry.name);
      if (!held) continue;
      if (held.leftover.length > 0) orphans.push(held);
      else held.release();
    }
    return orphans;
  }

  private async tryHold(name: string): Promise<HeldJournal | null> {
    try {
      return await this.hold(name);
    } catch (error) {
      if (error instanceof LockedError) return null;
      throw error;
    }
  }

  private async hold(name: string): Promise<HeldJournal> {
    const lock: FileLock = await acquireLock(join(this.root, `${name}.lock`));
    const directory = join(this.root, name);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return { name, directory, leftover: listSegments(directory), release: () => lock.release() };
  }
}
