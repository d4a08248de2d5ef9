import { type Clock } from '@apex/common';
import { type GatewayMetrics } from '@apex/telemetry';
import { type RollupChecks, type RollupStatus } from './rollup-checks.service.js';

/** How rollups are, the same in every process: read from Postgres when Prometheus asks. With Postgres away they have no value. */
export function registerRollupMetrics(metrics: GatewayMetrics, checks: Pick<RollupChecks, 'status'>, clock: Clock): void {
  const ageOf = async (pick: (status: RollupStatus) => string | null): Promise<{ labels: Record<string, never>; value: number }[]> => {
    const at = pick(await checks.status());
    return at === null ? [] : [{ labels: {}, value: Math.max(0, (clock.now() - Date.parse(at)) / 1_000) }];
  };
  metrics.registerGauge('apex_rollup_differences', 'Hours and days of customers whose rollups are not what their records add up to', async () => (await checks.status()).differing, { together: 'max' });
  metrics.registerGauge('apex_rollup_age_seconds', 'How long ago it was last seen what there is to roll up', () => ageOf(({ markedAt }) => markedAt), { together: 'max' });
  metrics.registerGauge('apex_rollup_check_age_seconds', 'How long ago rollups were last compared with their records', () => ageOf(({ checkedAt }) => checkedAt), { together: 'max' });
}
