import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When a process started, in a form that differs between two processes that were given the same pid one after the
 * other; null when no such process runs. Within one boot of one machine; a reboot changes it too.
 */
export function processStart(pid: number): string | null {
  if (!isRunning(pid)) return null;
  try {
    // proc(5): field 22 is the start time in ticks since boot. The command, field 2, may hold blanks and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return null;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot}/${fields[19] ?? ''}`;
  } catch {
    return startAccordingToPs(pid);
  }
}

/** The command line of a running process, or null. */
export function processCommand(pid: number): string | null {
  if (!isRunning(pid)) return null;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ps(pid, 'command');
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const startAccordingToPs = (pid: number): string | null => ps(pid, 'lstart');

/** Where there is no /proc (macOS). */
function ps(pid: number, column: string): string | null {
  try {
    return execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || null;
  } catch {
    return null;
  }
}
