import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CpuQuota } from './cpu-quota.js';

// A directory in the place of the kernel's: what is written where is the contract with it.
describe('CpuQuota', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'cgroup-'))));
  afterEach(() => rmSync(root, { recursive: true }));
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');

  it('makes a group of the second version', () => {
    CpuQuota.create('apex', 0.4, root)!.hold(17);
    expect([read('cgroup.subtree_control'), read('apex/cpu.max'), read('apex/cgroup.procs')]).toEqual(['+cpu', '4000 10000\n', '17\n']);
  });

  it('makes a group of the first version', () => {
    mkdirSync(join(root, 'cpu'));
    writeFileSync(join(root, 'cpu/cpu.cfs_quota_us'), '-1');
    CpuQuota.create('apex', 0.25, root)!.hold(17);
    expect([read('cpu/apex/cpu.cfs_period_us'), read('cpu/apex/cpu.cfs_quota_us'), read('cpu/apex/cgroup.procs')]).toEqual(['10000\n', '2500\n', '17\n']);
    expect(readdirSync(root)).toEqual(['cpu']);
  });

  it('is none where groups cannot be made', () => {
    expect(CpuQuota.create('apex', 0.4, join(root, 'missing'))).toBeNull();
  });
});
