import { statfs } from 'node:fs/promises';
import { type Pipeline, type TargetBoard } from '@apex/gateway';
import { type UpstreamClient } from '@apex/llm';
import { type GatewayMetrics } from '@apex/telemetry';
import { type RecordingService } from '@apex/usage';

export interface Observed {
  readonly recording: Pick<RecordingService, 'statistics'>;
  /** APEX_HOME: where the journal is. */
  readonly home: string;
  readonly dataPlane?: {
    readonly pipeline: Pick<Pipeline, 'answersReplayed' | 'requestsInFlight'>;
    readonly upstream: Pick<UpstreamClient, 'poolStats'>;
    readonly board: Pick<TargetBoard, 'breakers'>;
  };
}

/** Values that are read when Prometheus asks, and cost nothing otherwise. */
export function registerGauges(metrics: GatewayMetrics, { recording, home, dataPlane }: Observed): void {
  metrics.registerGauge('apex_journal_backlog_bytes', 'Journalled bytes of this process that are not in Postgres yet', () => recording.statistics().backlogBytes);
  metrics.registerGauge('apex_journal_backlog_age_seconds', 'How long the oldest of them have been waiting', () => recording.statistics().backlogAgeMs / 1_000, { together: 'max' });
  metrics.registerGauge('apex_journal_orphans', 'Journals of dead processes that are not in Postgres yet', () => recording.statistics().orphansWaiting);
  metrics.registerGauge('apex_journal_inserted_records', 'Records that this process has put into Postgres', () => recording.statistics().insertedRecords);
  metrics.registerGauge('apex_journal_rejected_records', 'Records that Postgres refuses; they are in rejected.jsonl beside the journal', () => recording.statistics().rejectedRecords);
  metrics.registerGauge('apex_journal_write_errors', 'Entries that could not be journalled', () => recording.statistics().writeErrors);
  // Processes beside this one have the same disk.
  metrics.registerGauge('apex_disk_free_bytes', 'Free bytes where APEX_HOME is, and with it the journal', async () => free(await statfs(home)), { together: 'min' });
  metrics.registerGauge('apex_disk_size_bytes', 'Bytes of the file system that APEX_HOME is on', async () => size(await statfs(home)), { together: 'min' });
  if (dataPlane === undefined) return;
  const { pipeline, upstream, board } = dataPlane;
  metrics.registerCounter('apex_idempotent_replays_total', 'Answers given once more under an Idempotency-Key; they are no usage', () => pipeline.answersReplayed);
  metrics.registerGauge('apex_requests_in_flight', 'Authenticated requests under way', () => pipeline.requestsInFlight);
  metrics.registerGauge(
    'apex_breaker_targets',
    'Targets (a model of a provider) that this process has called, by the state of their breaker',
    () => [...board.breakers(Date.now())].flatMap(([provider, states]) => Object.entries(states).map(([state, value]) => ({ labels: { provider, state }, value }))),
    { labels: ['provider', 'state'] },
  );
  for (const state of ['connected', 'running', 'waiting'] as const) {
    metrics.registerGauge(`apex_upstream_${state}`, `Of the connections to providers: ${state}`, () => Object.values(upstream.poolStats()).reduce((total, pool) => total + pool[state], 0));
  }
}

interface FileSystem {
  readonly bsize: number;
  readonly blocks: number;
  readonly bavail: number;
}

const free = ({ bsize, bavail }: FileSystem): number => bsize * bavail;
const size = ({ bsize, blocks }: FileSystem): number => bsize * blocks;
