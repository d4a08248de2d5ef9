import { Logger } from '@nestjs/common';
import { type Uuid } from '@apex/common';
import { RequestObserver } from '@apex/gateway';
import { type GatewayMetrics, type RequestTrace, type TraceHeaders, type Tracing } from '@apex/telemetry';
import { type AttemptRow, type UsageRecordRow } from '@apex/usage';

/** Counts every recorded request, keeps the sampled ones for their spans and, where that is wanted, logs each. */
export class MetricsObserver extends RequestObserver {
  private readonly log: Logger | null;

  constructor(
    private readonly metrics: GatewayMetrics,
    private readonly tracing: Tracing,
    logsRequests: boolean,
  ) {
    super();
    this.log = logsRequests ? new Logger('Request') : null;
  }

  begin(requestId: Uuid, headers: TraceHeaders): RequestTrace | null {
    return this.tracing.begin(requestId, headers);
  }

  observe(record: UsageRecordRow, attempts: readonly AttemptRow[], trace: RequestTrace | null): void {
    this.metrics.observe(record, attempts);
    this.tracing.observe(record, attempts, trace);
    if (this.log !== null) this.log.debug(lineOf(record, trace));
  }
}

/** One line a request, at level `debug`. */
const lineOf = (record: UsageRecordRow, trace: RequestTrace | null) => ({
  msg: 'request ended',
  requestId: record.request_id,
  ...(trace === null ? {} : { traceId: trace.traceId }),
  surface: record.surface,
  path: record.path,
  provider: record.provider,
  status: record.status,
  httpStatus: record.http_status,
  errorCode: record.error_code,
  attempts: record.attempts,
  durationMs: record.duration_ms,
});
