import { AggregatorRegistry, type PrometheusContentType, type Registry } from 'prom-client';

/** A metric with its samples, as plain data. The names are prom-client's. */
export interface PlainMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several processes become one: `sum`, `average`, `first`, `omit`... */
  readonly aggregator: string;
  readonly values: readonly { readonly metricName?: string; readonly labels: Readonly<Record<string, string | number | undefined>>; readonly value: number }[];
}

/** What one process counts, as plain data that can be sent to another process. */
export type MetricsSnapshot = readonly PlainMetric[];

/** A scrape's answer. */
export interface RenderedMetrics {
  readonly contentType: string;
  readonly body: string;
}

/** @returns what this registry holds now, as plain data. */
export async function snapshotOf(registry: Registry): Promise<MetricsSnapshot> {
  return (await registry.getMetricsAsJSON()) as unknown as MetricsSnapshot;
}

/**
 * One answer for several processes, in Prometheus' text format. Counts, histograms and most gauges are added up; each
 * metric's own rule decides, so that of ages the longest is shown and what makes no sense for several is left out.
 */
export async function renderTogether(snapshots: readonly MetricsSnapshot[]): Promise<RenderedMetrics> {
  const registry = together(snapshots);
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/**
 * The sums of what only ever grows: counters and histograms. Kept of a process that has ended, they keep the joint
 * answer from going back, which Prometheus would take for a restart of everything.
 */
export async function totalsOf(snapshots: readonly MetricsSnapshot[]): Promise<MetricsSnapshot> {
  return snapshotOf(together(snapshots.map((snapshot) => snapshot.filter(({ type }) => type === 'counter' || type === 'histogram'))));
}

const together = (snapshots: readonly MetricsSnapshot[]): Registry<PrometheusContentType> => AggregatorRegistry.aggregate<PrometheusContentType>(snapshots as unknown as object[]);
