import { firstIdAt } from '@apex/common';
import { type DataSource } from 'typeorm';

/** What came of the percentage, over the last minutes. */
export interface RealisedShare {
  readonly windowMinutes: number;
  /** Recorded requests to /v1. Records arrive some moments after their request has ended. */
  readonly requests: number;
  readonly gatewayRequests: number;
  /** gatewayRequests / requests; null when there were none. */
  readonly share: number | null;
}

const WINDOW_MINUTES = 15;

/**
 * Counts what was recorded, by cohort: `path` is only the address a request came in on. Requests that asked for the
 * direct path themselves (/direct/v1) are not the rollout's.
 */
export async function realisedShare(dataSource: DataSource, nowMs: number): Promise<RealisedShare> {
  const rows = await dataSource.query<{ requests: number; gateway: number }[]>(
    `select count(*)::int as requests, count(*) filter (where cohort in ('gateway', 'canary'))::int as gateway
     from usage_records where request_id >= $1 and cohort_reason is distinct from 'direct_path'`,
    [firstIdAt(nowMs - WINDOW_MINUTES * 60_000)],
  );
  const { requests, gateway } = rows[0] ?? { requests: 0, gateway: 0 };
  return { windowMinutes: WINDOW_MINUTES, requests, gatewayRequests: gateway, share: requests > 0 ? gateway / requests : null };
}
