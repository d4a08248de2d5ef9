import { cpuSeconds, parseCores, parseProcessStat, processTree } from './proc.js';

describe('parseProcessStat', () => {
  it('reads parent and CPU ticks behind a name with spaces and parentheses', () => {
    const stat = parseProcessStat('4242 (odd (name) x) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 7 3 20 0 11 0 12345');
    expect(stat).toEqual({ pid: 4242, parent: 17, name: 'odd (name) x', ticks: 210 });
    expect(cpuSeconds([stat, stat])).toBeCloseTo(4.2);
  });
});

describe('parseCores', () => {
  it('gives busy, stolen and total ticks of each core, the sum line left out', () => {
    const text = 'cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 10 1 5 100 4 1 2 3 0 0\ncpu1 0 0 0 50 0 0 0 0 9 9\nintr 5\n';
    expect(parseCores(text)).toEqual([{ busy: 19, interrupts: 3, stolen: 3, total: 126 }, { busy: 0, interrupts: 0, stolen: 0, total: 50 }]);
  });
});

describe('processTree', () => {
  it('holds this process and not its parent', () => {
    const pids = processTree(process.pid).map(({ pid }) => pid);
    expect(pids).toContain(process.pid);
    expect(pids).not.toContain(process.ppid);
  });
});
