import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricsSnapshot, renderTogether, snapshotOf, totalsOf } from './joint-metrics.js';

/** A process that has counted so many requests, each of which took as many seconds as there were. */
async function counted(requests: number): Promise<MetricsSnapshot> {
  const register = new Registry();
  const registers = [register];
  new Counter({ name: 'requests_total', help: 'Requests.', labelNames: ['status'], registers }).inc({ status: 'final' }, requests);
  const duration = new Histogram({ name: 'duration_seconds', help: 'Durations.', buckets: [1, 5], registers });
  for (let i = 0; i < requests; i += 1) duration.observe(requests);
  new Gauge({ name: 'backlog_bytes', help: 'Backlog.', registers }).set(requests * 100);
  new Gauge({ name: 'backlog_age_seconds', help: 'Age.', aggregator: 'max', registers }).set(requests);
  new Gauge({ name: 'lag_seconds', help: 'Lag.', aggregator: 'average', registers }).set(requests);
  new Gauge({ name: 'start_seconds', help: 'Start.', aggregator: 'omit', registers }).set(requests);
  // As it goes from one process to another.
  return structuredClone(await snapshotOf(register));
}

const samples = async (snapshots: readonly MetricsSnapshot[]): Promise<string[]> => (await renderTogether(snapshots)).body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('metrics of several processes', () => {
  it('add up to one answer, each by its own rule', async () => {
    expect(await samples([await counted(2), await counted(4)])).toEqual([
      'requests_total{status="final"} 6',
      'duration_seconds_bucket{le="1"} 0',
      'duration_seconds_bucket{le="5"} 6',
      'duration_seconds_bucket{le="+Inf"} 6',
      'duration_seconds_sum 20',
      'duration_seconds_count 6',
      'backlog_bytes 600',
      'backlog_age_seconds 4',
      'lag_seconds 3',
    ]);
  });

  it('are Prometheus\' text, and of one process what that one has', async () => {
    const { contentType, body } = await renderTogether([await counted(1)]);
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toContain('# TYPE duration_seconds histogram');
    expect(body).toContain('requests_total{status="final"} 1');
  });

  it('keep what only grows of a process that has ended, so that no count goes back', async () => {
    const retired = await totalsOf([await totalsOf([[], await counted(2)]), await counted(3)]);
    expect(retired.map(({ name }) => name)).toEqual(['requests_total', 'duration_seconds']);
    expect(await samples([retired, await counted(1)])).toEqual(expect.arrayContaining(['requests_total{status="final"} 6', 'duration_seconds_count 6', 'backlog_bytes 100', 'lag_seconds 1']));
  });

  it('of nobody are nothing', async () => expect(await totalsOf([])).toEqual([]));
});
