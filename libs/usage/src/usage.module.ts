import { type DynamicModule, Global, Module } from '@nestjs/common';
import { SystemClock } from '@apex/common';
import { DataSource } from 'typeorm';
import { Experiments } from './experiments.service.js';
import { UsageRecorder } from './ports/usage-recorder.js';
import { Reconciler } from './reconciler.service.js';
import { RecordingService, type UsageConfig } from './recording.service.js';
import { Receipts } from './receipts.service.js';
import { SavingsQuery } from './savings-query.service.js';
import { SealedReceipts } from './sealed-receipts.service.js';
import { Sealer } from './sealer.service.js';
import { Sealing } from './sealing.js';
import { UsageQuery } from './usage-query.service.js';

/**
 * Provides `UsageRecorder`, `UsageQuery`, `Receipts`, `SavingsQuery`, `Experiments`, `SealedReceipts`, `Reconciler` and `RecordingService` to the whole application. The journal can
 * be written from the first moment; it is replayed when the application starts and flushed when it ends.
 */
@Global()
@Module({})
export class UsageModule {
  static forRoot(config: UsageConfig): DynamicModule {
    return {
      module: UsageModule,
      providers: [
        { provide: RecordingService, useFactory: (dataSource: DataSource) => RecordingService.open({ ...config, dataSource }), inject: [DataSource] },
        { provide: UsageRecorder, useFactory: (recording: RecordingService): UsageRecorder => recording.recorder, inject: [RecordingService] },
        { provide: UsageQuery, useFactory: (dataSource: DataSource) => new UsageQuery(dataSource, new SystemClock()), inject: [DataSource] },
        { provide: Receipts, useFactory: (dataSource: DataSource) => new Receipts(dataSource, new SystemClock()), inject: [DataSource] },
        { provide: SavingsQuery, useFactory: (dataSource: DataSource) => new SavingsQuery(dataSource, new SystemClock()), inject: [DataSource] },
        { provide: Experiments, useFactory: (dataSource: DataSource) => new Experiments(dataSource), inject: [DataSource] },
        { provide: SealedReceipts, useFactory: (dataSource: DataSource) => new SealedReceipts(dataSource), inject: [DataSource] },
        { provide: Sealing, useFactory: (dataSource: DataSource, recording: RecordingService) => new Sealing(new Sealer(dataSource), () => recording.statistics().backlogBytes), inject: [DataSource, RecordingService] },
        { provide: Reconciler, useFactory: (dataSource: DataSource, recording: RecordingService) => new Reconciler(dataSource, () => recording.flushWithin(10_000)), inject: [DataSource, RecordingService] },
      ],
      exports: [RecordingService, UsageRecorder, UsageQuery, Receipts, SavingsQuery, Experiments, SealedReceipts, Reconciler],
    };
  }
}
