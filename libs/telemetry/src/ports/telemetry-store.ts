import { type Analytics, type AnalyticsQuery } from '../core/analytics/analytics.types.js';

/**
 * What questions about requests are asked of. Whichever store it is, the same records give the same answer, to the
 * byte; ClickHouse knows of a record a moment later than Postgres.
 */
export abstract class TelemetryStore {
  abstract readonly name: 'postgres' | 'clickhouse';

  /** @throws ApexError 503 `store_unavailable` or `store_too_slow` where the store does not answer */
  abstract analyze(query: AnalyticsQuery): Promise<Analytics>;
}
