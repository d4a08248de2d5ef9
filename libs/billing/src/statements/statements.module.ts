import { type DynamicModule, Module } from '@nestjs/common';
import { AuditLog, TermsService } from '@apex/auth';
import { Clock } from '@apex/common';
import { ActivePolicies } from '@apex/policy';
import { type JobsConfig, JobsModule } from '@apex/queue';
import { SealedReceipts } from '@apex/usage';
import { DataSource } from 'typeorm';
import { Ledger } from '../ledger/ledger.service.js';
import { Statements } from './statements.service.js';
import { StatementsSweep } from './statements-sweep.js';

/** Provides `Statements`, and closes them where jobs run. Needs `LedgerModule`. */
@Module({})
export class StatementsModule {
  static forRoot(jobs: JobsConfig): DynamicModule {
    return {
      module: StatementsModule,
      global: true,
      imports: [JobsModule.forFeature(jobs, { queue: 'statements', inject: [Statements], useFactory: (statements: Statements) => [new StatementsSweep(statements)] })],
      providers: [
        {
          provide: Statements,
          useFactory: (dataSource: DataSource, clock: Clock, receipts: SealedReceipts, terms: TermsService, ledger: Ledger, policies: ActivePolicies, audit: AuditLog) => new Statements({ dataSource, clock, receipts, terms, ledger, policies, audit }),
          inject: [DataSource, Clock, SealedReceipts, TermsService, Ledger, ActivePolicies, AuditLog],
        },
      ],
      exports: [Statements],
    };
  }
}
