import { type Metric } from 'prom-client';
import { type Distribution } from '../core/distribution.js';

interface Labelled {
  readonly labels: object;
  readonly distribution: Distribution;
}

/**
 * A histogram for prom-client's registry over counts that are kept elsewhere. prom-client's own can only be fed value
 * by value; the registry asks no more of a metric than a name and a `get` (prom-client, lib/registry.js).
 * @param boundsMs what the counts were sorted by, in milliseconds; they are told in seconds
 */
export function distributionMetric(name: string, help: string, boundsMs: readonly number[], read: () => readonly Labelled[]): Metric<string> {
  const bounds = [...boundsMs.map((ms) => String(ms / 1_000)), '+Inf'];
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: read().flatMap((labelled) => samples(name, bounds, labelled)) }),
    reset: () => undefined,
  };
  return metric as unknown as Metric<string>;
}

function samples(name: string, bounds: readonly string[], { labels, distribution }: Labelled) {
  let cumulative = 0;
  const buckets = Array.from(distribution.counts, (count, index) => {
    cumulative += count;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[index]! }, value: cumulative };
  });
  return [...buckets, { metricName: `${name}_sum`, labels: { ...labels }, value: distribution.sum / 1_000 }, { metricName: `${name}_count`, labels: { ...labels }, value: cumulative }];
}
