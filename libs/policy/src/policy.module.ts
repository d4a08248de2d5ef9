import { type DynamicModule, Global, Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ContentSealer } from '@apex/auth';
import { Clock } from '@apex/common';
import { FlagsService } from '@apex/flags';
import { Bus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { RuleDecisionLayer } from './adapters/rule-decision-layer.js';
import { PoliciesService } from './policies.service.js';
import { PolicyDirectory } from './policy-directory.js';
import { POLICY_CHANNEL } from './policy.tokens.js';
import { DecisionLayer } from './ports/decision-layer.js';
import { ActivePolicies } from './ports/policies.js';

export interface PolicyConfig {
  /** Milliseconds between two looks at the tables when nobody announces a change. */
  readonly pollMs?: number;
}

@Injectable()
class PolicyLife implements OnModuleInit, OnModuleDestroy {
  constructor(private readonly directory: PolicyDirectory) {}

  onModuleInit(): Promise<void> {
    return this.directory.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.directory.stop();
  }
}

/** Provides `ActivePolicies`, `DecisionLayer` and `PoliciesService` everywhere. `KILL_SWITCHES` go into `FlagsModule.forRoot`. */
@Global()
@Module({})
export class PolicyModule {
  static forRoot({ pollMs = 1_000 }: PolicyConfig = {}): DynamicModule {
    return {
      module: PolicyModule,
      providers: [
        {
          provide: PolicyDirectory,
          inject: [DataSource, ContentSealer, Clock, Bus],
          useFactory: (dataSource: DataSource, sealer: ContentSealer, clock: Clock, bus: Bus) =>
            new PolicyDirectory({ dataSource, box: sealer.boxFor('experiment'), clock, pollMs, subscribe: (onMessage) => bus.subscribe(POLICY_CHANNEL, onMessage) }),
        },
        { provide: ActivePolicies, useExisting: PolicyDirectory },
        { provide: DecisionLayer, inject: [FlagsService], useFactory: (flags: FlagsService) => new RuleDecisionLayer(flags) },
        PoliciesService,
        PolicyLife,
      ],
      exports: [ActivePolicies, DecisionLayer, PoliciesService],
    };
  }
}
