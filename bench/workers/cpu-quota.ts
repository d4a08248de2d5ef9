import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Short, so that a process whose share is used up does not stand still for long. */
const PERIOD_US = 10_000;

/**
 * A share of a core, which a process cannot exceed: a control group with the kernel's CPU bandwidth limit
 * (https://docs.kernel.org/scheduler/sched-bwc.html).
 */
export class CpuQuota {
  private constructor(private readonly directory: string) {}

  /** @returns null where this user or this kernel cannot make one */
  static create(name: string, cores: number, root = '/sys/fs/cgroup'): CpuQuota | null {
    const quota = Math.round(cores * PERIOD_US);
    // Version 1 has a tree for each controller, version 2 one for all, whose root says what its children may have.
    const first = existsSync(join(root, 'cpu/cpu.cfs_quota_us'));
    const directory = join(root, first ? 'cpu' : '', name);
    try {
      if (!first) writeFileSync(join(root, 'cgroup.subtree_control'), '+cpu');
      mkdirSync(directory);
    } catch {
      return null;
    }
    const group = new CpuQuota(directory);
    try {
      if (first) {
        group.write('cpu.cfs_period_us', PERIOD_US);
        group.write('cpu.cfs_quota_us', quota);
      } else group.write('cpu.max', `${quota} ${PERIOD_US}`);
      return group;
    } catch {
      group.remove();
      return null;
    }
  }

  /** All of its threads, and what it starts from now on. */
  hold(pid: number): void {
    this.write('cgroup.procs', pid);
  }

  /** When its processes have ended. */
  remove(): void {
    rmdirSync(this.directory);
  }

  private write(file: string, value: string | number): void {
    writeFileSync(join(this.directory, file), `${value}\n`);
  }
}
