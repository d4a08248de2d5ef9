import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The end of a log file, for an error message; empty when there is none. */
export function logTail(file: string, bytes = 2_000): string {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trim();
  } finally {
    closeSync(fd);
  }
}
