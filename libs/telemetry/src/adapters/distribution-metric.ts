import { type Metric } from 'prom-client';
import { type Distribution, type SeriesLabels, SECONDS } from '../core/request-ledger.js';

interface Labelled {
  readonly labels: SeriesLabels;
  readonly distribution: Distribution;
}

/**
 * A histogram for prom-client's registry over counts that are kept elsewhere. prom-client's own can only be fed value
 * by value; the registry asks no more of a metric than a name and a `get` (prom-client, lib/registry.js).
 */
export function distributionMetric(name: string, help: string, read: () => readonly Labelled[]): Metric<string> {
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: read().flatMap((labelled) => samples(name, labelled)) }),
    reset: () => undefined,
  };
  return metric as unknown as Metric<string>;
}

function samples(name: string, { labels, distribution }: Labelled) {
  let cumulative = 0;
  const buckets = Array.from(distribution.counts, (count, index) => {
    cumulative += count;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: index < SECONDS.length ? String(SECONDS[index]) : '+Inf' }, value: cumulative };
  });
  return [...buckets, { metricName: `${name}_sum`, labels: { ...labels }, value: distribution.sumMs / 1_000 }, { metricName: `${name}_count`, labels: { ...labels }, value: cumulative }];
}
