import { speedupOf, type WorkerRun } from './speedup.js';

const run = (change: Partial<WorkerRun>): WorkerRun => ({ requestsPerSecond: 20_000, cpuUs: 50, apexCores: 1, otherCores: 0.9, idleCores: 0.1, ...change });

describe('speedupOf', () => {
  it('takes ratios inside the rounds, so that a slow round does not tilt them', () => {
    const one = [run({}), run({ requestsPerSecond: 10_000, cpuUs: 100 }), run({})];
    const two = [run({ requestsPerSecond: 24_000, cpuUs: 55 }), run({ requestsPerSecond: 12_000, cpuUs: 110 }), run({ requestsPerSecond: 24_000, cpuUs: 55 })];
    const { measured, efficiency, perCore, doubts } = speedupOf(one, two);
    expect([measured, efficiency, perCore].map((ratio) => ratio.toFixed(3))).toEqual(['1.200', '0.909', '1.818']);
    expect(doubts).toEqual([]);
  });

  it('doubts what CPU time did not limit', () => {
    expect(speedupOf([run({ apexCores: 0.7 })], [run({})]).doubts).toEqual(['one process used 0.70 of a core: CPU time was not its limit']);
    expect(speedupOf([run({})], [run({ idleCores: 0.5 })]).doubts).toEqual(['with two processes 0.50 cores were idle: CPU time was not the limit']);
  });

  it('holds a process with a share of a core to that share', () => {
    const two = [run({ apexCores: 0.8, idleCores: 0.5 })];
    expect(speedupOf([run({ apexCores: 0.39 })], two, 0.4).doubts).toEqual([]);
    expect(speedupOf([run({ apexCores: 0.3 })], two, 0.4).doubts).toEqual(['one process used 0.30 of a core: CPU time was not its limit']);
  });

  it('refuses rounds that do not pair up', () => {
    expect(() => speedupOf([run({})], [])).toThrow(RangeError);
    expect(() => speedupOf([], [])).toThrow(RangeError);
  });
});
