import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AuditLog } from '@apex/auth';
import { Bus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { FlagRepository } from './adapters/flag-repository.js';
import { FlagStore } from './adapters/flag-store.js';
import { UnleashFeed } from './adapters/unleash-feed.js';
import { ROLLOUT_FEATURE } from './adapters/unleash-features.js';
import { UnleashRouter } from './adapters/unleash-router.js';
import { BASE_FLAGS, collectDefinitions, type FlagDefinition } from './core/definitions.js';
import { type UnleashConfig } from './flags.config.js';
import { FlagsService } from './flags.service.js';
import { FLAG_DEFINITIONS, FLAGS_CHANNEL, UNLEASH_FEED } from './flags.tokens.js';
import { TrafficRouter } from './ports/traffic-router.js';

export interface FlagsConfig {
  /** Flags beside the four that every Apex has: kill switches and the like. */
  readonly definitions?: readonly FlagDefinition[];
  /** Milliseconds between two reads of the tables when nobody announces a change. Default 500: well within a second. */
  readonly pollMs?: number;
  /** The Unleash server to follow; null or absent: our own tables alone. */
  readonly unleash?: UnleashConfig | null;
}

/** Provides `FlagsService` and `TrafficRouter` everywhere. Needs `DataSource`, `Bus`, `Clock` and `AuditLog` from global modules. */
@Global()
@Module({})
export class FlagsModule {
  static forRoot(config: FlagsConfig = {}): DynamicModule {
    const definitions = collectDefinitions(BASE_FLAGS, config.definitions ?? []);
    const unleash = config.unleash ?? null;
    const names = new Set([...definitions.keys(), ROLLOUT_FEATURE]);
    return {
      module: FlagsModule,
      providers: [
        { provide: FLAG_DEFINITIONS, useValue: definitions },
        { provide: FlagStore, useFactory: (dataSource: DataSource, audit: AuditLog) => new FlagStore(dataSource, audit, unleash?.environment), inject: [DataSource, AuditLog] },
        {
          // The one place where it is chosen what Unleash reads from.
          provide: FlagRepository,
          useFactory: (store: FlagStore, bus: Bus) =>
            new FlagRepository({
              definitions: [...definitions.values()],
              read: () => store.readState(),
              subscribe: (onMessage) => bus.subscribe(FLAGS_CHANNEL, onMessage),
              pollMs: config.pollMs ?? 500,
              keep: (toggles) => store.keepToggles(toggles),
            }),
          inject: [FlagStore, Bus],
        },
        { provide: UnleashRouter, useFactory: (repository: FlagRepository) => new UnleashRouter(repository, unleash?.environment), inject: [FlagRepository] },
        {
          provide: UNLEASH_FEED,
          useFactory: (repository: FlagRepository) => (unleash === null ? null : new UnleashFeed({ ...unleash, names, accept: (answer) => repository.accept(answer) })),
          inject: [FlagRepository],
        },
        { provide: TrafficRouter, useExisting: UnleashRouter },
        FlagsService,
      ],
      exports: [FlagsService, TrafficRouter],
    };
  }
}
