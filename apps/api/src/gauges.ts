import { statfs } from 'node:fs/promises';
import { LIMIT_NAMES, type Limiter } from '@apex/auth';
import { type DataPlane, type ExactCache, type OpenedResponseCache, type Pipeline, type TargetBoard } from '@apex/gateway';
import { type UpstreamClient } from '@apex/llm';
import { type GatewayMetrics } from '@apex/telemetry';
import { type RecordingService } from '@apex/usage';

export interface Observed {
  readonly recording: Pick<RecordingService, 'statistics'>;
  /** APEX_HOME: where the journal is. */
  readonly home: string;
  readonly dataPlane?: {
    readonly pipeline: Pick<Pipeline, 'answersReplayed' | 'requestsInFlight' | 'unauthenticated'>;
    readonly upstream: Pick<UpstreamClient, 'poolStats'>;
    readonly board: Pick<TargetBoard, 'breakers'>;
    readonly limiter: Pick<Limiter, 'limited' | 'wouldHaveBeenLimited'>;
    readonly cache: Pick<ExactCache, 'counts'>;
    readonly answers: Pick<OpenedResponseCache, 'figures' | 'shared'>;
    readonly lane: Pick<DataPlane, 'laneCounts'>;
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
  const { pipeline, upstream, board, limiter, lane } = dataPlane;
  registerCacheGauges(metrics, dataPlane);
  metrics.registerCounter('apex_unauthenticated_requests_total', 'Requests to the data plane without a key that may ask, by code; they are no records', () => [...pipeline.unauthenticated].map(([code, value]) => ({ labels: { code }, value })), { labels: ['code'] });
  metrics.registerCounter(
    'apex_lane_connections_total',
    'Connections by the way they went: past node:http, or handed over to it for good',
    () => {
      const counts = lane.laneCounts;
      return counts === null ? [] : Object.entries({ served: counts.served, handed_over: counts.handedOver }).map(([way, value]) => ({ labels: { way }, value }));
    },
    { labels: ['way'] },
  );
  metrics.registerCounter('apex_idempotent_replays_total', 'Answers given once more under an Idempotency-Key; they are no usage', () => pipeline.answersReplayed);
  metrics.registerCounter('apex_limited_requests_total', 'Requests that a limit has refused', () => byLimit(limiter.limited), { labels: ['limit'] });
  metrics.registerCounter('apex_would_have_been_limited_total', 'Requests that a limit would have refused had limits been enforced', () => byLimit(limiter.wouldHaveBeenLimited), { labels: ['limit'] });
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

/** The exact cache of this process; hits by where the answer was: here, in Redis, or with a request that was under way. */
function registerCacheGauges(metrics: GatewayMetrics, { cache, answers }: Pick<NonNullable<Observed['dataPlane']>, 'cache' | 'answers'>): void {
  metrics.registerCounter('apex_cache_hits_total', 'Requests that the exact cache has answered, by where the answer was; flight: with another request that was under way', () => Object.entries(cache.counts.hits).map(([from, value]) => ({ labels: { from }, value })), { labels: ['from'] });
  metrics.registerCounter('apex_cache_misses_total', 'Requests that the exact cache had no answer for', () => cache.counts.misses);
  metrics.registerCounter('apex_cache_stored_total', 'Answers that were kept', () => cache.counts.stored);
  metrics.registerCounter('apex_cache_not_stored_total', 'Answers that must not be kept, by why', () => Object.entries(cache.counts.notStored).map(([reason, value]) => ({ labels: { reason }, value })), { labels: ['reason'] });
  metrics.registerGauge('apex_cache_waiting', "Requests that wait for another's answer", () => cache.counts.waiting);
  metrics.registerGauge('apex_cache_answers', 'Answers that are kept in the process', () => answers.figures().answers);
  metrics.registerGauge('apex_cache_bytes', 'Bytes of them', () => answers.figures().bytes);
  metrics.registerCounter('apex_cache_refused_total', 'Values in Redis that could not be opened, or belong elsewhere', () => answers.figures().refused);
  metrics.registerCounter('apex_cache_passed_over_total', 'Answers that stayed in the process because more of them waited for Redis than it is worth to give away', () => answers.figures().passedOver);
  metrics.registerGauge(
    'apex_cache_shared',
    '1: answers are shared through Redis; 0: Redis is there, and not used now',
    () => {
      const shared = answers.shared();
      return shared === null ? [] : [{ labels: {}, value: Number(shared) }];
    },
    { together: 'min' },
  );
}

const byLimit = (counts: Limiter['limited']) => LIMIT_NAMES.map((limit) => ({ labels: { limit }, value: counts[limit] }));

interface FileSystem {
  readonly bsize: number;
  readonly blocks: number;
  readonly bavail: number;
}

const free = ({ bsize, bavail }: FileSystem): number => bsize * bavail;
const size = ({ bsize, blocks }: FileSystem): number => bsize * blocks;
