import { readFileSync } from 'node:fs';

/** Resident memory of a process, in bytes. */
export const rss = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
