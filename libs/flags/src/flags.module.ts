import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AuditLog } from '@apex/auth';
import { Bus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { FlagRepository } from './adapters/flag-repository.js';
import { FlagStore } from './adapters/flag-store.js';
import { UnleashRouter } from './adapters/unleash-router.js';
import { BASE_FLAGS, collectDefinitions, type FlagDefinition } from './core/definitions.js';
import { FlagsService } from './flags.service.js';
import { FLAG_DEFINITIONS, FLAGS_CHANNEL } from './flags.tokens.js';
import { TrafficRouter } from './ports/traffic-router.js';

export interface FlagsConfig {
  /** Flags beside the four that every Apex has: kill switches and the like. */
  readonly definitions?: readonly FlagDefinition[];
  /** Milliseconds between two reads of the tables when nobody announces a change. Default 500: well within a second. */
  readonly pollMs?: number;
}

/** Provides `FlagsService` and `TrafficRouter` everywhere. Needs `DataSource`, `Bus`, `Clock` and `AuditLog` from global modules. */
@Global()
@Module({})
export class FlagsModule {
  static forRoot(config: FlagsConfig = {}): DynamicModule {
    const definitions = collectDefinitions(BASE_FLAGS, config.definitions ?? []);
    return {
      module: FlagsModule,
      providers: [
        { provide: FLAG_DEFINITIONS, useValue: definitions },
        { provide: FlagStore, useFactory: (dataSource: DataSource, audit: AuditLog) => new FlagStore(dataSource, audit), inject: [DataSource, AuditLog] },
        {
          // The one place where it is chosen what Unleash reads from.
          provide: FlagRepository,
          useFactory: (store: FlagStore, bus: Bus) =>
            new FlagRepository({
              definitions: [...definitions.values()],
              read: () => store.readState(),
              subscribe: (onMessage) => bus.subscribe(FLAGS_CHANNEL, onMessage),
              pollMs: config.pollMs ?? 500,
            }),
          inject: [FlagStore, Bus],
        },
        { provide: UnleashRouter, useFactory: (repository: FlagRepository) => new UnleashRouter(repository), inject: [FlagRepository] },
        { provide: TrafficRouter, useExisting: UnleashRouter },
        FlagsService,
      ],
      exports: [FlagsService, TrafficRouter],
    };
  }
}
