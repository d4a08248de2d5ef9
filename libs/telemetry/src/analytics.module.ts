import { randomUUID } from 'node:crypto';
import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ClickHouseEvents } from './adapters/analytics/clickhouse-events.js';
import { EventSource } from './adapters/analytics/event-source.js';
import { readFeedProgress } from './adapters/analytics/feed-progress.js';
import { Forwarder } from './adapters/analytics/forwarder.js';
import { Forwarding, registerFeedMetrics } from './adapters/analytics/forwarding.js';
import { PostgresTelemetryStore } from './adapters/analytics/postgres-telemetry-store.js';
import { TelemetryStatus } from './adapters/analytics/telemetry-status.js';
import { WhicheverStore } from './adapters/analytics/whichever-store.js';
import { GatewayMetrics } from './adapters/gateway-metrics.js';
import { type AnalyticsConfig } from './analytics.config.js';
import { TelemetryStore } from './ports/telemetry-store.js';

/** Longer than an insert may take, so that nobody takes the feed from one who is at it. */
const HOLD_MS = 30_000;

/**
 * Provides `TelemetryStore`, over ClickHouse where there is one and over Postgres otherwise, and `TelemetryStatus`. In
 * processes that forward, records are sent to ClickHouse for as long as the application runs.
 */
@Module({})
export class AnalyticsModule {
  static forRoot(config: AnalyticsConfig): DynamicModule {
    const { clickhouseUrl, forwards } = config;
    return {
      module: AnalyticsModule,
      global: true,
      providers: clickhouseUrl === null ? POSTGRES_ALONE : [...besideClickHouse(clickhouseUrl), ...(forwards ? [forwarding(config)] : [])],
      exports: [TelemetryStore, TelemetryStatus],
    };
  }
}

const POSTGRES_ALONE: Provider[] = [
  { provide: TelemetryStore, useFactory: (dataSource: DataSource) => new PostgresTelemetryStore(dataSource), inject: [DataSource] },
  { provide: TelemetryStatus, useFactory: (dataSource: DataSource) => new TelemetryStatus(dataSource, null), inject: [DataSource] },
];

const besideClickHouse = (url: string): Provider[] => [
  { provide: ClickHouseEvents, useFactory: () => new ClickHouseEvents(url) },
  { provide: TelemetryStore, useFactory: (dataSource: DataSource, events: ClickHouseEvents) => new WhicheverStore(dataSource, events), inject: [DataSource, ClickHouseEvents] },
  { provide: TelemetryStatus, useFactory: (dataSource: DataSource, events: ClickHouseEvents) => new TelemetryStatus(dataSource, events), inject: [DataSource, ClickHouseEvents] },
];

const forwarding = ({ retentionDays }: AnalyticsConfig): Provider => ({
  provide: Forwarding,
  useFactory: (dataSource: DataSource, events: ClickHouseEvents, metrics: GatewayMetrics) => {
    const forwarder = new Forwarder(new EventSource(dataSource, randomUUID(), HOLD_MS), events, retentionDays);
    const one = new Forwarding(forwarder, () => readFeedProgress(dataSource));
    registerFeedMetrics(metrics, one);
    return one;
  },
  inject: [DataSource, ClickHouseEvents, GatewayMetrics],
});
