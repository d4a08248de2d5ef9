import { type DataSource } from 'typeorm';
import { type Analytics, type AnalyticsQuery } from '../../core/analytics/analytics.types.js';
import { TelemetryStore } from '../../ports/telemetry-store.js';
import { type ClickHouseEvents } from './clickhouse-events.js';
import { ClickHouseTelemetryStore, toApexError } from './clickhouse-telemetry-store.js';
import { readFeedProgress } from './feed-progress.js';
import { PostgresTelemetryStore } from './postgres-telemetry-store.js';

/**
 * Answers from ClickHouse what is there, and from Postgres what is not: a period that ClickHouse no longer keeps, and
 * everything while earlier records are still being copied. A ClickHouse that is away is not stood in for: what it was
 * set up to carry would fall on the store of the books.
 */
export class WhicheverStore extends TelemetryStore {
  readonly name = 'clickhouse';
  private readonly clickHouse: ClickHouseTelemetryStore;
  private readonly postgres: PostgresTelemetryStore;

  constructor(
    private readonly dataSource: DataSource,
    private readonly events: ClickHouseEvents,
  ) {
    super();
    this.clickHouse = new ClickHouseTelemetryStore(events);
    this.postgres = new PostgresTelemetryStore(dataSource);
  }

  async analyze(query: AnalyticsQuery): Promise<Analytics> {
    const [progress, target] = await Promise.all([readFeedProgress(this.dataSource), this.events.knownTarget().catch(toApexError)]);
    const isThere = target !== null && progress.target === target && !progress.copying && query.from.getTime() >= progress.keptFromMs;
    return isThere ? this.clickHouse.analyze(query) : this.postgres.analyze(query);
  }
}
