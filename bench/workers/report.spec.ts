import { renderMarkdown, type Way, type WorkersReport } from './report.js';
import { speedupOf, type WorkerRun } from './speedup.js';

const run = (requestsPerSecond: number, apexCores: number): WorkerRun => ({ requestsPerSecond, cpuUs: 400, apexCores, otherCores: 0.5, idleCores: 0.1 });

const report = (way: Way, one: WorkerRun, two: WorkerRun, problems: string[] = []): WorkersReport => {
  const quota = way === 'quota' ? 0.4 : null;
  return {
    benchmark: 'workers', date: '2026-11-24', machine: { cores: 2, cpu: 'x', memoryGib: 8, system: 'Linux', node: 'v24' }, revision: null, load: 'wrk',
    rounds: 5, seconds: 10, connections: 128, way, quota, speedup: speedupOf([one], [two], quota), problems, foreign: 0,
  };
};

describe('the report of two processes', () => {
  it.each<[string, Way, WorkerRun, WorkerRun, string[], string]>([
    ['as measured', 'own', run(1_000, 1), run(1_800, 2), [], 'do 1.80 x one (aim: at least 1.7): met'],
    ['too little, as measured', 'own', run(1_000, 1), run(1_600, 2), [], 'do 1.60 x one (aim: at least 1.7): missed'],
    ['with a share of a core each', 'quota', run(1_000, 0.4), run(1_900, 0.8), [], 'do 1.90 x one with as much (aim: at least 1.7): met'],
    ['with a share that was not used up', 'quota', run(1_000, 0.2), run(1_900, 0.8), [], 'do 1.90 x one with as much (aim: at least 1.7): not shown'],
    ['worked out from CPU time, whatever was measured', 'shared', run(1_000, 1), run(1_000, 1), [], 'do 2.00 x one with one core\'s worth (aim: at least 1.7): met'],
    ['of an invalid run', 'own', run(1_000, 1), run(1_800, 2), ['2: 3 errors'], 'do 1.80 x one (aim: at least 1.7): not shown'],
  ])('gives its verdict %s', (_name, way, one, two, problems, verdict) => {
    const { markdown, met } = renderMarkdown(report(way, one, two, problems));
    expect(markdown).toContain(`${verdict}.`);
    expect(met).toBe(verdict.endsWith(': met'));
  });
});
