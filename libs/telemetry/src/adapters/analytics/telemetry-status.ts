import { type DataSource } from 'typeorm';
import { type TelemetryStore } from '../../ports/telemetry-store.js';
import { type ClickHouseEvents } from './clickhouse-events.js';
import { type FeedProgress, readFeedProgress } from './feed-progress.js';

const PATIENCE_MS = 1_000;

/** Which store answers analytics, and how ClickHouse, where there is one, is and is fed. */
export class TelemetryStatus {
  /** @param events null: there is no ClickHouse */
  constructor(
    private readonly dataSource: DataSource,
    private readonly events: ClickHouseEvents | null,
  ) {}

  get store(): TelemetryStore['name'] {
    return this.events === null ? 'postgres' : 'clickhouse';
  }

  /** null where there is no ClickHouse; down after a second of silence. Never rejects. */
  async check(): Promise<'up' | 'down' | null> {
    if (this.events === null) return null;
    return (await this.events.answers(PATIENCE_MS)) ? 'up' : 'down';
  }

  /** null where there is no ClickHouse. @throws when Postgres does not answer */
  async feed(): Promise<FeedProgress | null> {
    return this.events === null ? null : readFeedProgress(this.dataSource);
  }
}
