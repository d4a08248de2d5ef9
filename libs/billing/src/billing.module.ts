import { type DynamicModule, Module } from '@nestjs/common';
import { type JobsConfig } from '@apex/queue';
import { LedgerModule } from './ledger/ledger.module.js';
import { RollupsModule } from './rollups/rollups.module.js';
import { StatementsModule } from './statements/statements.module.js';

export interface BillingConfig {
  readonly jobs: JobsConfig;
}

/** Everything that turns what was recorded into what is owed. Its parts are one module each. */
@Module({})
export class BillingModule {
  static forRoot({ jobs }: BillingConfig): DynamicModule {
    return { module: BillingModule, global: true, imports: [LedgerModule.forRoot(), RollupsModule.forRoot(jobs), StatementsModule.forRoot(jobs)] };
  }
}
