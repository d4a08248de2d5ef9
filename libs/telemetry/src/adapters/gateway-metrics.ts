import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { type RequestObservation, RequestLedger } from '../core/request-ledger.js';
import { distributionMetric } from './distribution-metric.js';

const LABELS = ['surface', 'path', 'provider', 'stream'] as const;

/**
 * Everything that `/metrics` shows: requests, tokens, cost and times, gauges that others register, and the process
 * itself (CPU, memory, garbage collection, event-loop lag). Counting is done in plain numbers; prom-client only sees
 * them when it is scraped. No label holds a model, a customer or a key.
 */
export class GatewayMetrics {
  private readonly registry = new Registry();
  private readonly ledger = new RequestLedger();

  constructor() {
    const registers = [this.registry];
    const { ledger } = this;
    collectDefaultMetrics({ register: this.registry });

    new Counter({
      name: 'apex_requests_total',
      help: 'Recorded requests, by how they ended.',
      labelNames: [...LABELS, 'status', 'http_status'],
      registers,
      collect() {
        this.reset();
        for (const { labels, requests } of ledger.series()) {
          for (const [status, byHttpStatus] of requests) {
            for (const [http, count] of byHttpStatus) this.inc({ ...labels, status, http_status: http === 0 ? 'none' : String(http) }, count);
          }
        }
      },
    });
    new Counter({
      name: 'apex_tokens_total',
      help: 'Tokens, by kind; prompt tokens include cached ones, completion tokens include reasoning.',
      labelNames: [...LABELS, 'kind'],
      registers,
      collect() {
        this.reset();
        for (const { labels, promptTokens, completionTokens } of ledger.series()) {
          this.inc({ ...labels, kind: 'prompt' }, promptTokens);
          this.inc({ ...labels, kind: 'completion' }, completionTokens);
        }
      },
    });
    this.count('apex_cost_picodollars_total', 'Cost at dated list prices, in 10^-12 USD; the books hold it exactly.', (series) => series.costPicodollars);
    this.count('apex_unpriced_requests_total', 'Requests with an attempt that nobody knows a price for.', (series) => series.unpriced);
    this.count('apex_upstream_attempts_total', 'Calls to providers, retries included.', (series) => series.attempts);
    this.registry.registerMetric(
      distributionMetric('apex_request_duration_seconds', 'From the request having arrived to its last byte.', () => ledger.series().map(({ labels, duration }) => ({ labels, distribution: duration }))),
    );
    this.registry.registerMetric(
      distributionMetric('apex_first_byte_seconds', 'From the request having arrived to the first byte of its answer.', () =>
        ledger.series().map(({ labels, firstByte }) => ({ labels, distribution: firstByte })),
      ),
    );
  }

  /** Counts one finished request. On the hot path: well under a microsecond. */
  observe(observation: RequestObservation): void {
    this.ledger.observe(observation);
  }

  /**
   * A value that is read when somebody looks. A gauge whose `read` throws has no value in that scrape.
   * @throws Error for a name that is taken or that Prometheus does not allow.
   */
  registerGauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        try {
          this.set(read());
        } catch {
          this.remove();
        }
      },
    });
  }

  /**
   * A count that somebody else keeps and that only grows; read when somebody looks.
   * @throws Error for a name that is taken or that Prometheus does not allow.
   */
  registerCounter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** Prometheus' text format, version 0.0.4. */
  async render(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }

  private count(name: string, help: string, value: (series: Readonly<{ costPicodollars: number; unpriced: number; attempts: number }>) => number): void {
    const { ledger } = this;
    new Counter({
      name,
      help,
      labelNames: [...LABELS],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const series of ledger.series()) this.inc({ ...series.labels }, value(series));
      },
    });
  }
}
