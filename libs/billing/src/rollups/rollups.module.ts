import { type DynamicModule, Module } from '@nestjs/common';
import { Clock } from '@apex/common';
import { type JobsConfig, JobsModule } from '@apex/queue';
import { GatewayMetrics } from '@apex/telemetry';
import { DataSource } from 'typeorm';
import { rollupJobs } from './rollup-jobs.js';
import { registerRollupMetrics } from './rollup-metrics.js';
import { RollupChecks } from './rollup-checks.service.js';
import { Rollups } from './rollups.service.js';

const METRICS = Symbol('rollup metrics');

/** Provides `Rollups` and `RollupChecks` to the whole application, and keeps rollups up where jobs run. */
@Module({})
export class RollupsModule {
  static forRoot(config: JobsConfig): DynamicModule {
    return {
      module: RollupsModule,
      global: true,
      imports: [JobsModule.forFeature(config, { queue: 'rollups', inject: [Rollups, RollupChecks, Clock], useFactory: rollupJobs })],
      providers: [
        { provide: Rollups, useFactory: (dataSource: DataSource) => new Rollups(dataSource), inject: [DataSource] },
        { provide: RollupChecks, useFactory: (dataSource: DataSource) => new RollupChecks(dataSource), inject: [DataSource] },
        { provide: METRICS, useFactory: (metrics: GatewayMetrics, checks: RollupChecks, clock: Clock) => registerRollupMetrics(metrics, checks, clock), inject: [GatewayMetrics, RollupChecks, Clock] },
      ],
      exports: [Rollups, RollupChecks],
    };
  }
}
