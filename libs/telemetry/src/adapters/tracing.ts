import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Uuid } from '@apex/common';
import { type AttemptRow, type UsageRecordRow } from '@apex/usage';
import { type SamplerConfig, beginTrace } from '../core/begin-trace.js';
import { GenAiLedger } from '../core/genai-ledger.js';
import { type ServerAddress, serverAddress } from '../core/genai.js';
import { planSpans } from '../core/span-plan.js';
import { type RequestTrace, type TraceHeaders } from '../core/trace-context.js';
import { type TelemetryConfig } from '../telemetry.config.js';
import { type GatewayMetrics } from './gateway-metrics.js';
import { MetricSender } from './otlp/metric-sender.js';
import { SpanSender } from './otlp/span-sender.js';

/** How long a collector may keep the process from ending. */
const FLUSH_ON_SHUTDOWN_MS = 3_000;

/** What sends, where there is somewhere to send to. */
interface Sending {
  readonly sampler: SamplerConfig | null;
  readonly spans: SpanSender | null;
  readonly metrics: MetricSender | null;
  readonly ledger: GenAiLedger | null;
}

const NOTHING: Sending = { sampler: null, spans: null, metrics: null, ledger: null };

/**
 * Traces and metrics for OpenTelemetry. A caller's trace context is read and goes on in any case; spans and metrics are
 * made only where the configuration names a collector, of finished requests, outside of their path.
 */
export class Tracing implements OnApplicationShutdown {
  private constructor(private readonly sending: Sending) {}

  /**
   * @param origins addresses of the providers by name, for `server.address`
   * @param metrics is shown what became of the spans
   */
  static async start(config: TelemetryConfig, origins: Readonly<Record<string, string>>, metrics: GatewayMetrics): Promise<Tracing> {
    const log = new Logger('Telemetry');
    for (const warning of config.warnings) log.warn(warning);
    const tracing = new Tracing(config.otlp === null ? NOTHING : await connect(config.otlp, origins, log));
    tracing.showIn(metrics);
    return tracing;
  }

  /** The trace that a request belongs to; null where there is none. Costs a look for a header, and little more. */
  begin(requestId: Uuid, headers: TraceHeaders): RequestTrace | null {
    return beginTrace(requestId, headers, this.sending.sampler);
  }

  /** A request has ended. On its path: counts it, and keeps it for sending if it was sampled. */
  observe(record: UsageRecordRow, attempts: readonly AttemptRow[], trace: RequestTrace | null): void {
    const { ledger, spans } = this.sending;
    if (ledger !== null) ledger.observe(record, attempts);
    if (spans !== null && trace !== null && trace.recorded) spans.push({ record, attempts, trace });
  }

  /** Sends what waits, within a bound. */
  async onApplicationShutdown(): Promise<void> {
    const { spans, metrics } = this.sending;
    await Promise.all([spans?.close(FLUSH_ON_SHUTDOWN_MS), metrics?.close(FLUSH_ON_SHUTDOWN_MS)]);
  }

  private showIn(metrics: GatewayMetrics): void {
    const { sending } = this;
    const spans = () => sending.spans?.statistics() ?? { sent: 0, dropped: 0, lost: 0, waiting: 0 };
    metrics.registerCounter(
      'apex_telemetry_spans_total',
      'Spans by what became of them; dropped: no room in the queue, lost: not taken by the collector',
      () => {
        const { sent, dropped, lost } = spans();
        return Object.entries({ sent, dropped, lost }).map(([result, value]) => ({ labels: { result }, value }));
      },
      { labels: ['result'] },
    );
    metrics.registerGauge('apex_telemetry_spans_waiting', 'Spans that wait to be sent', () => spans().waiting);
    metrics.registerCounter('apex_telemetry_metric_failures_total', 'Sendings of OTLP metrics that the collector did not take', () => sending.metrics?.failed ?? 0);
  }
}

async function connect(otlp: NonNullable<TelemetryConfig['otlp']>, origins: Readonly<Record<string, string>>, log: Logger): Promise<Sending> {
  // Only here: without a collector these packages cost no memory and no start-up time.
  const { createOtlpExporters } = await import('./otlp/exporters.js');
  const servers = new Map<string, ServerAddress | null>(Object.entries(origins).map(([name, origin]) => [name, serverAddress(origin)]));
  const serverOf = (provider: string): ServerAddress | null => servers.get(provider) ?? null;
  const { sendSpans, sendMetrics } = createOtlpExporters(otlp, serverOf);
  const changes = (what: string) => (error: unknown) => {
    if (error === null) log.log(`${what} are taken again`);
    else log.warn(`${what} are not taken by the collector: ${error instanceof Error ? error.message : String(error)}`);
  };
  const ledger = sendMetrics === null ? null : new GenAiLedger();
  return {
    sampler: sendSpans === null ? null : otlp.sampler,
    spans:
      sendSpans === null
        ? null
        : new SpanSender({
            send: (requests) => sendSpans(requests.flatMap((request) => planSpans(request, serverOf))),
            maxQueuedSpans: otlp.maxQueuedSpans,
            batchSpans: otlp.batchSpans,
            delayMs: otlp.spanDelayMs,
            onChange: changes('spans'),
          }),
    metrics: sendMetrics === null || ledger === null ? null : new MetricSender({ send: () => sendMetrics(ledger), intervalMs: otlp.metricIntervalMs, onChange: changes('metrics') }),
    ledger,
  };
}
