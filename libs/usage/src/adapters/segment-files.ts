import nodeFs from 'node:fs';
import { Logger } from '@nestjs/common';
import { type JournalFs, segmentPath } from './journal-files.js';
import { type Segment, SegmentTable } from './segment-table.js';

/** `second`: what is appended is durable about a second later. `always`: as soon as `sync` has said so. */
export type JournalSync = 'second' | 'always';

/** A place between two groups. */
export interface JournalPosition {
  readonly segment: number;
  readonly offset: number;
}

export interface SegmentFilesOptions {
  readonly directory: string;
  /** The number of the first segment written; greater than that of any segment in the directory. */
  readonly firstSegment: number;
  readonly sync: JournalSync;
  readonly segmentBytes?: number;
  readonly fs?: JournalFs;
  /** Called when nothing more will be written to a segment. */
  readonly onSealed: () => void;
}

interface OpenSegment {
  readonly fd: number;
  readonly segment: Segment;
}

const SEGMENT_BYTES = 8 << 20;
const SYNC_EVERY_MS = 1_000;

/**
 * The journal's files: appends whole groups to the newest segment, begins the next one when it is full, and makes them
 * durable. A file holds whole groups alone: after a failed write it is cut back to its last one, or left for a new
 * segment where even that fails.
 */
export class SegmentFiles {
  readonly table = new SegmentTable();
  syncErrors = 0;

  private readonly log = new Logger('Journal');
  private readonly fs: JournalFs;
  private readonly segmentBytes: number;
  private nextSegment: number;
  private current: OpenSegment | null = null;
  private dirty = false;
  /** fdatasync and close of one file never overlap. */
  private background: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: SegmentFilesOptions) {
    this.fs = options.fs ?? nodeFs;
    this.segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.nextSegment = options.firstSegment;
    if (options.sync === 'second') this.timer = setInterval(() => this.syncIfDirty(), SYNC_EVERY_MS).unref();
  }

  /** What is written to now; null before the first group, and between two segments. */
  get newest(): Segment | null {
    return this.current?.segment ?? null;
  }

  /** Where the next group will start; everything before it is readable. */
  position(): JournalPosition {
    return this.current ? { segment: this.current.segment.number, offset: this.current.segment.size } : { segment: this.nextSegment, offset: 0 };
  }

  /** Appends a group with one write(2), or leaves the file as it was and gives the reason. */
  append(group: Buffer): Error | null {
    let to = this.current;
    let written = 0;
    try {
      to ??= this.openSegment();
      while (written < group.length) {
        const count = this.fs.writeSync(to.fd, group, written, group.length - written, to.segment.size + written);
        if (count <= 0) throw new Error('the disk takes no more');
        written += count;
      }
      to.segment.size += group.length;
      this.dirty = true;
      return null;
    } catch (error) {
      if (to && written > 0) this.cutBack(to);
      return error as Error;
    }
  }

  /** Puts the group that was just appended on the disk. After an error nothing more is built on that file. */
  sync(done: (error: Error | null) => void): void {
    this.fs.fdatasync(this.current!.fd, (error) => {
      if (error) {
        this.syncFailed(error);
        // After a failed fdatasync nobody knows what of this file is on the disk.
        this.rotate();
      }
      done(error);
    });
  }

  rotateIfFull(): void {
    if (this.current && this.current.segment.size >= this.segmentBytes) this.rotate();
  }

  /** Seals the newest segment, and resolves when all files are closed and those that may go are deleted. */
  async end(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.rotate();
    await this.background;
    await this.table.settled();
  }

  private rotate(): void {
    if (!this.current) return;
    const { fd, segment } = this.current;
    this.current = null;
    this.inBackground((finish) => this.fs.fdatasync(fd, (error) => this.fs.close(fd, () => finish(error))));
    this.table.seal(segment);
    this.options.onSealed();
  }

  private cutBack(to: OpenSegment): void {
    try {
      this.fs.ftruncateSync(to.fd, to.segment.size);
    } catch {
      // The reader takes what stays behind for a write that was cut off, and that is what it is.
      this.rotate();
    }
  }

  private openSegment(): OpenSegment {
    const number = this.nextSegment++;
    const path = segmentPath(this.options.directory, number);
    const fd = this.fs.openSync(path, 'wx', 0o600);
    const opened = { fd, segment: this.table.add(number, path) };
    this.current = opened;
    try {
      this.syncDirectory();
    } catch (error) {
      this.rotate();
      throw error;
    }
    return opened;
  }

  /** Makes the new file's name durable: at once where what is appended has to be, else with the other syncs. */
  private syncDirectory(): void {
    const directory = this.fs.openSync(this.options.directory, 'r');
    if (this.options.sync === 'always') {
      try {
        this.fs.fsyncSync(directory);
      } finally {
        this.fs.closeSync(directory);
      }
      return;
    }
    this.inBackground((finish) => this.fs.fsync(directory, (error) => this.fs.close(directory, () => finish(error))));
  }

  private syncIfDirty(): void {
    if (!this.dirty || !this.current) return;
    this.dirty = false;
    const { fd } = this.current;
    this.inBackground((finish) => this.fs.fdatasync(fd, finish));
  }

  private inBackground(work: (finish: (error?: Error | null) => void) => void): void {
    this.background = this.background
      .then(() => new Promise<void>((resolve, reject) => work((error) => (error ? reject(error) : resolve()))))
      .catch((error: unknown) => this.syncFailed(error));
  }

  private syncFailed(error: unknown): void {
    this.syncErrors += 1;
    this.log.error(`fdatasync failed in ${this.options.directory}: ${String(error)}; a power cut may lose what was just written`);
  }
}
