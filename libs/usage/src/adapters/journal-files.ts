import type fs from 'node:fs';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What the writer needs of the file system; tests put a failing disk here. */
export type JournalFs = Pick<typeof fs, 'openSync' | 'writeSync' | 'ftruncateSync' | 'fdatasync' | 'fsync' | 'close' | 'closeSync' | 'fsyncSync'>;

const SEGMENT = /^(\d{12})\.apj$/;

/** Segments sort by name as they do by age. */
export const segmentPath = (directory: string, number: number): string => join(directory, `${String(number).padStart(12, '0')}.apj`);

export interface SegmentFile {
  readonly number: number;
  readonly path: string;
}

/** The segments of a journal's directory, oldest first. */
export function listSegments(directory: string): SegmentFile[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const match = SEGMENT.exec(name);
      return match ? [{ number: Number(match[1]), path: join(directory, name) }] : [];
    })
    .sort((a, b) => a.number - b.number);
}
