import { type DynamicModule, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Ledger } from './ledger.service.js';

/** Provides `Ledger` to the whole application. */
@Module({})
export class LedgerModule {
  static forRoot(): DynamicModule {
    return {
      module: LedgerModule,
      global: true,
      providers: [{ provide: Ledger, useFactory: (dataSource: DataSource) => new Ledger(dataSource), inject: [DataSource] }],
      exports: [Ledger],
    };
  }
}
