import { RequestObserver } from '@apex/gateway';
import { type GatewayMetrics } from '@apex/telemetry';
import { type UsageRecordRow } from '@apex/usage';

/** Counts every recorded request. */
export class MetricsObserver extends RequestObserver {
  constructor(private readonly metrics: GatewayMetrics) {
    super();
  }

  observe(record: UsageRecordRow): void {
    this.metrics.observe({
      surface: record.surface,
      path: record.path,
      provider: record.provider,
      status: record.status,
      httpStatus: record.http_status,
      stream: record.stream,
      durationMs: record.duration_ms ?? 0,
      firstByteMs: record.first_byte_ms,
      attempts: record.attempts,
      promptTokens: record.prompt_tokens,
      completionTokens: record.completion_tokens,
      costPicodollars: record.cost_pd,
      pricing: record.pricing,
    });
  }
}
