import { type Pipeline } from '@apex/gateway';
import { type UpstreamClient } from '@apex/llm';
import { type GatewayMetrics } from '@apex/telemetry';
import { type RecordingService } from '@apex/usage';

/** Values that are read when Prometheus asks, and cost nothing otherwise. */
export function registerGauges(metrics: GatewayMetrics, recording: RecordingService, dataPlane?: { readonly pipeline: Pipeline; readonly upstream: UpstreamClient }): void {
  metrics.registerGauge('apex_journal_backlog_bytes', 'Journalled bytes of this process that are not in Postgres yet', () => recording.statistics().backlogBytes);
  metrics.registerGauge('apex_journal_orphans', 'Journals of dead processes that are not in Postgres yet', () => recording.statistics().orphansWaiting);
  metrics.registerGauge('apex_journal_inserted_records', 'Records that this process has put into Postgres', () => recording.statistics().insertedRecords);
  metrics.registerGauge('apex_journal_rejected_records', 'Records that Postgres refuses; they are in rejected.jsonl beside the journal', () => recording.statistics().rejectedRecords);
  metrics.registerGauge('apex_journal_write_errors', 'Entries that could not be journalled', () => recording.statistics().writeErrors);
  if (dataPlane === undefined) return;
  const { pipeline, upstream } = dataPlane;
  metrics.registerCounter('apex_idempotent_replays_total', 'Answers given once more under an Idempotency-Key; they are no usage', () => pipeline.answersReplayed);
  metrics.registerGauge('apex_requests_in_flight', 'Authenticated requests under way', () => pipeline.requestsInFlight);
  for (const state of ['connected', 'running', 'waiting'] as const) {
    metrics.registerGauge(`apex_upstream_${state}`, `Of the connections to providers: ${state}`, () => Object.values(upstream.poolStats()).reduce((total, pool) => total + pool[state], 0));
  }
}
