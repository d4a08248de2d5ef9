import { readdirSync, readFileSync } from 'node:fs';

/** Kernel clock ticks per second in /proc: USER_HZ, 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;

/** One line of /proc/PID/stat, as far as it is needed. `ticks` includes those of children that have ended. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly ticks: number;
}

/** Parses /proc/PID/stat (proc(5)). The name stands in parentheses and may itself hold spaces and parentheses. */
export function parseProcessStat(text: string): ProcessStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return { pid: Number(text.slice(0, open)), parent: field(4), name: text.slice(open + 1, close), ticks: field(14) + field(15) + field(16) + field(17) };
}

/**
 * Busy and total ticks of each core since boot. `interrupts` (part of busy) belong to no process: with loopback
 * traffic they are the work of sockets. `stolen` is what the hypervisor gave to others.
 */
export interface CoreTicks {
  readonly busy: number;
  readonly interrupts: number;
  readonly stolen: number;
  readonly total: number;
}

/** Parses /proc/stat. Guest time is part of user time already and is not added again. */
export function parseCores(text: string): CoreTicks[] {
  return text.split('\n').filter((line) => /^cpu\d/.test(line)).map((line) => {
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, stolen = 0] = line.trim().split(/\s+/).slice(1).map(Number);
    const busy = user + nice + system + irq + softirq;
    return { busy, interrupts: irq + softirq, stolen, total: busy + idle + wait + stolen };
  });
}

export function readCores(): CoreTicks[] {
  return parseCores(readFileSync('/proc/stat', 'utf8'));
}

/** `root` and all that descend from it, living ones. */
export function processTree(root: number): ProcessStat[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return [parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))];
    } catch {
      return []; // It ended between the listing and the reading.
    }
  });
  const members = new Set([root]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, parent } of all) {
      if (members.has(parent) && !members.has(pid)) {
        members.add(pid);
        grown = true;
      }
    }
  }
  return all.filter(({ pid }) => members.has(pid));
}

/** User and system CPU time of these processes so far, in seconds; a tick, 10 ms, is the resolution. */
export function cpuSeconds(processes: readonly ProcessStat[]): number {
  return processes.reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/** Resident memory of these processes, in MiB. Pages that they share are counted once for each. */
export function residentMib(processes: readonly ProcessStat[]): number {
  return processes.reduce((sum, { pid }) => {
    try {
      return sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
    } catch {
      return sum;
    }
  }, 0);
}
