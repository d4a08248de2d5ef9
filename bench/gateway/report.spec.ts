import { type Run } from './measure.js';
import { parseOptions, type Case } from './plan.js';
import { buildReport, figuresOf, renderMarkdown, type Circumstances } from './report.js';

const MANY: Case = { mode: 'json', bodyBytes: 1024, connections: 64 };
const ALONE: Case = { ...MANY, connections: 1 };

function run(target: string, change: Partial<Run> = {}): Run {
  return {
    target, completed: 1_000, seconds: 1, requestsPerSecond: 1_000, p50Us: 1_000, p99Us: 2_000, bytesReceived: 1e6, errors: 0, upstreamServed: 1_000,
    cpuUs: 50, cpuUsDuringLoad: 45, residentMib: 80, targetShare: 0.99, loadCoreShare: 0.6, upstreamShare: 0.3, postgresShare: 0, redisShare: 0, foreignShare: 0, settlement: null, problems: [], ...change,
  };
}

const circumstances: Circumstances = {
  date: '2026-01-01', machine: { cores: 2, cpu: 'some CPU', memoryGib: 8, system: 'Linux 6', node: 'v24.0.0' }, revision: 'abc', load: 'wrk', pinned: true,
  options: parseOptions([], ['direct', 'bare', 'apex', 'portkey'], '/results'),
  subjects: ['direct', 'bare', 'apex', 'portkey'].map((name) => ({ name, what: 'it', version: '0.1.0', peer: name === 'portkey' })), leftOut: [],
};

describe('figuresOf', () => {
  it('takes ratios inside the rounds, so that a slow round does not tilt them', () => {
    const runs = new Map([
      ['direct', [1, 2, 3].map(() => run('direct'))],
      ['bare', [20_000, 10_000, 20_000].map((rate) => run('bare', { requestsPerSecond: rate }))],
      ['apex', [16_000, 8_000, 16_000].map((rate) => run('apex', { requestsPerSecond: rate }))],
    ]);
    const apex = figuresOf(MANY, runs).find(({ target }) => target === 'apex');
    expect(apex?.ratios).toEqual({ bare: 0.8 });
    expect(apex?.addedP50Us).toBeNull();
  });

  it('gives the added p50 against the upstream, at one connection only', () => {
    const runs = new Map([['direct', [50, 60, 70].map((p50Us) => run('direct', { p50Us }))], ['bare', [150, 170, 165].map((p50Us) => run('bare', { p50Us }))]]);
    const [direct, bare] = figuresOf(ALONE, runs);
    expect(direct?.addedP50Us).toBeNull();
    expect(bare?.addedP50Us).toBe(100);
  });
});

describe('the report', () => {
  const three = (target: string, change: Partial<Run> = {}): Run[] => [1, 2, 3].map(() => run(target, change));

  it('says whether the aims are met', () => {
    const runs = new Map([['direct', three('direct')], ['bare', three('bare', { requestsPerSecond: 10_000 })], ['apex', three('apex', { requestsPerSecond: 9_400 })], ['portkey', three('portkey')]]);
    const report = buildReport(circumstances, [{ which: MANY, runs }]);
    const text = renderMarkdown(report);
    expect(report.valid).toBe(true);
    expect(text).toContain('0.94 x bare (aim: at least 0.95): missed');
    expect(text).toContain('9.40 x portkey (aim: at least 10): missed');
  });

  it('holds the latency that Apex adds against what the bare proxy adds', () => {
    const textFor = (apexUs: number): string => {
      const runs = new Map([['direct', three('direct', { p50Us: 30 })], ['bare', three('bare', { p50Us: 130 })], ['apex', three('apex', { p50Us: apexUs })]]);
      return renderMarkdown(buildReport(circumstances, [{ which: ALONE, runs }]));
    };
    expect(textFor(180)).toContain('Apex adds 0.150 ms to the median latency, bare 0.100 ms (aim: at most 0.050 ms more): met');
    expect(textFor(181)).toContain('missed');
  });

  it('begins with one line for each case', () => {
    const runs = new Map([['direct', three('direct')], ['bare', three('bare', { requestsPerSecond: 500, cpuUs: 100 })], ['apex', three('apex')], ['portkey', three('portkey', { requestsPerSecond: 50 })]]);
    const alone = new Map([['direct', three('direct', { p50Us: 30 })], ['bare', three('bare', { p50Us: 130 })], ['apex', three('apex', { p50Us: 150 })], ['portkey', three('portkey')]]);
    const text = renderMarkdown(buildReport(circumstances, [{ which: ALONE, runs: alone }, { which: MANY, runs }]));
    const lines = text.slice(text.indexOf('## Summary')).split('\n');
    expect(lines.slice(2, 6)).toEqual([
      '| Apex | requests/s | CPU us/request | x bare | x portkey | x bare by CPU | added p50 ms | of bare |',
      '| - | -: | -: | -: | -: | -: | -: | -: |',
      '| JSON, 1 KB request, 1 connection | 1,000 | 50.0 | 1.00 | 1.00 | 1.00 | 0.120 | 0.100 |',
      '| JSON, 1 KB request, 64 connections | 1,000 | 50.0 | 2.00 | 20.00 | 2.00 |  |  |',
    ]);
  });

  it('says what is left out, and how the upstream was reached', () => {
    const text = renderMarkdown(buildReport({ ...circumstances, options: parseOptions(['--upstream', 'tls'], ['direct'], '/results'), leftOut: [{ name: 'bifrost', reason: 'not installed' }] }, []));
    expect(text).toContain('- **bifrost** is left out: not installed');
    expect(text).toContain('upstream over TLS');
  });

  it('stays valid when a peer breaks, and compares nothing with it there', () => {
    const runs = new Map([['direct', three('direct')], ['bare', three('bare')], ['apex', three('apex')], ['portkey', [run('portkey'), run('portkey', { problems: ['3 errors'] }), run('portkey')]]]);
    const report = buildReport(circumstances, [{ which: MANY, runs }]);
    expect(report.valid).toBe(true);
    expect(report.warnings).toContain('portkey: 3 errors: its figures do not count there');
    expect(report.cases[0]?.figures.find(({ target }) => target === 'apex')?.ratios).toEqual({ bare: 1 });
    const text = renderMarkdown(report);
    expect(text).toMatch(/\| 1\.00 \| failed \|/);
    expect(text).not.toContain('x portkey (aim');
  });

  it('is invalid with a single problem, and says so first', () => {
    const report = buildReport(circumstances, [{ which: MANY, runs: new Map([['direct', three('direct')], ['apex', [run('apex'), run('apex', { problems: ['3 errors'] })]]]) }]);
    expect(report.valid).toBe(false);
    expect(renderMarkdown(report)).toMatch(/INVALID[\s\S]*problem: apex: 3 errors/);
  });

  it('warns of foreign load and of a target that was not the limit', () => {
    const runs = new Map([['direct', three('direct', { targetShare: null })], ['apex', three('apex', { targetShare: 0.5, foreignShare: 0.3 })]]);
    const warnings = buildReport(circumstances, [{ which: MANY, runs }]).warnings.join('\n');
    expect(warnings).toMatch(/30% of a core: noisy/);
    expect(warnings).toMatch(/apex used 50% of its core/);
  });
});
