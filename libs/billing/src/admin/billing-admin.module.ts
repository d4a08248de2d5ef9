import { type DynamicModule, Module } from '@nestjs/common';
import { Credits } from './credits.service.js';
import { RevenueReports } from './revenue.service.js';
import { RollupAdmin } from './rollup-admin.service.js';

/** What operators ask of billing. Needs `AuthModule` and `BillingModule`. */
@Module({})
export class BillingAdminModule {
  static forRoot(): DynamicModule {
    return { module: BillingAdminModule, global: true, providers: [Credits, RevenueReports, RollupAdmin], exports: [Credits, RevenueReports, RollupAdmin] };
  }
}
