import { type AttemptRow, type UsageRecordRow } from '@apex/usage';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { ADDED_BOUNDS, DURATION_BOUNDS, RequestLedger, type Traffic } from '../core/request-ledger.js';
import { distributionMetric } from './distribution-metric.js';
import { EventLoopDelay } from './event-loop-delay.js';
import { type MetricsSnapshot, type RenderedMetrics, snapshotOf } from './joint-metrics.js';

const LABELS = ['surface', 'path', 'provider', 'stream'] as const;

/** One value of a gauge or counter with labels. */
export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadOptions {
  readonly labels?: readonly string[];
}

export interface GaugeOptions extends ReadOptions {
  /** What several processes' values are together; their sum unless given. */
  readonly together?: 'sum' | 'min' | 'max';
}

/**
 * Everything that `/metrics` shows: requests, tokens, cost and times, what others register, and the process itself
 * (CPU, memory, garbage collection, event-loop delay). Counting is done in plain numbers; prom-client only sees them
 * when it is scraped. No label holds a model, a customer or a key.
 */
export class GatewayMetrics {
  private readonly registry = new Registry();
  private readonly ledger = new RequestLedger();

  constructor() {
    const { ledger } = this;
    collectDefaultMetrics({ register: this.registry });
    const delay = new EventLoopDelay();
    this.registerGauge('apex_event_loop_delay_seconds', 'By how much the event loop was late since the last scrape', () => delay.read().map(({ quantile, seconds }) => ({ labels: { quantile }, value: seconds })), { labels: ['quantile'], together: 'max' });
    this.addTraffic(ledger);
    this.addCalls(ledger);
    this.registerCounter('apex_denied_requests_total', "Apex's own refusals of known callers, by code; overloaded: shed", () => [...ledger.denials].map(([code, value]) => ({ labels: { code }, value })), { labels: ['code'] });
    const times = [
      distributionMetric('apex_request_duration_seconds', 'From the request having arrived to its last byte.', DURATION_BOUNDS, () => ledger.times.map(({ labels, duration }) => ({ labels, distribution: duration }))),
      distributionMetric('apex_first_byte_seconds', 'From the request having arrived to the first byte of its answer.', DURATION_BOUNDS, () => ledger.times.map(({ labels, firstByte }) => ({ labels, distribution: firstByte }))),
      distributionMetric('apex_added_latency_seconds', "Of requests with one call to a provider: their duration without the call's. Reading the body is in it.", ADDED_BOUNDS, () => [{ labels: {}, distribution: ledger.added }]),
      distributionMetric('apex_upstream_attempt_duration_seconds', 'Calls to providers, by how they ended.', DURATION_BOUNDS, () =>
        ledger.calls.flatMap(({ provider, durations }) => Object.entries(durations).map(([outcome, distribution]) => ({ labels: { provider, outcome }, distribution }))),
      ),
    ];
    for (const metric of times) this.registry.registerMetric(metric);
  }

  /** Counts one finished request. On the hot path: well under a microsecond. */
  observe(record: UsageRecordRow, attempts: readonly AttemptRow[]): void {
    this.ledger.observe(record, attempts);
  }

  /**
   * A value that is read when somebody looks; with labels, any number of values. A gauge whose `read` fails has no value
   * in that scrape.
   * @throws Error for a name that is taken or that Prometheus does not allow.
   */
  registerGauge(name: string, help: string, read: () => Value | Promise<Value>, { labels: labelNames = [], together = 'sum' }: GaugeOptions = {}): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      aggregator: together,
      registers: [this.registry],
      async collect() {
        const values = await Promise.resolve()
          .then(read)
          .then(readings)
          .catch(() => null);
        this.reset();
        if (values === null) this.remove();
        else for (const { labels, value } of values) this.set({ ...labels }, value);
      },
    });
  }

  /**
   * Counts that somebody else keeps and that only grow; read when somebody looks.
   * @throws Error for a name that is taken or that Prometheus does not allow.
   */
  registerCounter(name: string, help: string, read: () => Value, { labels: labelNames = [] }: ReadOptions = {}): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { labels, value } of readings(read())) this.inc({ ...labels }, value);
      },
    });
  }

  /** Prometheus' text format, version 0.0.4. */
  async render(): Promise<RenderedMetrics> {
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }

  /** The same as plain data, to be added up with other processes' by `renderTogether`. */
  snapshot(): Promise<MetricsSnapshot> {
    return snapshotOf(this.registry);
  }

  private addTraffic({ traffic }: RequestLedger): void {
    const counter = (name: string, help: string, value: (one: Traffic) => number): void => this.registerCounter(name, help, () => traffic.map((one) => ({ labels: { ...one.labels }, value: value(one) })), { labels: LABELS });
    this.registerCounter('apex_requests_total', 'Recorded requests, by how they ended.', () => traffic.flatMap(outcomes), { labels: [...LABELS, 'status', 'http_status'] });
    this.registerCounter(
      'apex_tokens_total',
      'Tokens, by kind; prompt tokens include cached ones, completion tokens include reasoning.',
      () =>
        traffic.flatMap(({ labels, promptTokens, completionTokens }) => [
          { labels: { ...labels, kind: 'prompt' }, value: promptTokens },
          { labels: { ...labels, kind: 'completion' }, value: completionTokens },
        ]),
      { labels: [...LABELS, 'kind'] },
    );
    counter('apex_cost_picodollars_total', 'Cost at dated list prices, in 10^-12 USD; the books hold it exactly.', (one) => one.costPicodollars);
    counter('apex_unpriced_requests_total', 'Requests with an attempt that nobody knows a price for.', (one) => one.unpriced);
    counter('apex_upstream_attempts_total', 'Calls to providers, retries included.', (one) => one.attempts);
  }

  private addCalls({ calls }: RequestLedger): void {
    this.registerCounter(
      'apex_upstream_results_total',
      'Calls to providers, by HTTP status or, where there was none, by what went wrong.',
      () => calls.flatMap(({ provider, results }) => [...results].map(([result, value]) => ({ labels: { provider, result: String(result) }, value }))),
      { labels: ['provider', 'result'] },
    );
    this.registerCounter('apex_upstream_retries_total', 'Calls that asked the same model of the same provider again.', () => calls.map(({ provider, retries }) => ({ labels: { provider }, value: retries })), { labels: ['provider'] });
    this.registerCounter('apex_upstream_fallbacks_total', 'Calls to this provider because another place had failed.', () => calls.map(({ provider, fallbacks }) => ({ labels: { provider }, value: fallbacks })), { labels: ['provider'] });
    this.registerCounter('apex_upstream_hedges_total', 'Calls to this provider while another was still at it, to be faster.', () => calls.map(({ provider, hedges }) => ({ labels: { provider }, value: hedges })), { labels: ['provider'] });
  }
}

type Value = number | readonly Reading[];

const readings = (value: Value): readonly Reading[] => (typeof value === 'number' ? [{ labels: {}, value }] : value);

const outcomes = ({ labels, requests }: Traffic): Reading[] =>
  [...requests].flatMap(([status, byHttpStatus]) => [...byHttpStatus].map(([http, value]) => ({ labels: { ...labels, status, http_status: http === 0 ? 'none' : String(http) }, value })));
