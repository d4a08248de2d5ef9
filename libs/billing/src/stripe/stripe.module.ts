import { type DynamicModule, Module } from '@nestjs/common';
import { AuditLog, CustomersService } from '@apex/auth';
import { Clock } from '@apex/common';
import { FlagsService } from '@apex/flags';
import { DataSource } from 'typeorm';
import { Ledger } from '../ledger/ledger.service.js';
import { LedgerBooks } from './ledger-books.js';
import { type StripeConfig } from './stripe.config.js';
import { STRIPE_CONFIG } from './stripe.tokens.js';
import { StripeBilling } from './stripe-billing.js';
import { StripeWorker } from './stripe-worker.service.js';
import { TierTable } from './tier-table.js';

const BILLING_ENABLED = 'billing_enabled';

/** Stripe, with or without a key. Needs `DataSource`, `Clock`, `Ledger`, and the modules of auth and flags. */
@Module({})
export class StripeModule {
  static forRoot(config: StripeConfig): DynamicModule {
    return {
      module: StripeModule,
      global: true,
      providers: [
        { provide: STRIPE_CONFIG, useValue: config },
        {
          provide: StripeBilling,
          inject: [DataSource, CustomersService, AuditLog, Ledger, FlagsService, Clock],
          useFactory: (dataSource: DataSource, customers: CustomersService, audit: AuditLog, ledger: Ledger, flags: FlagsService, clock: Clock) =>
            new StripeBilling(config, { dataSource, customers, audit, books: new LedgerBooks(ledger, dataSource), fees: new TierTable(dataSource), billed: (customerId) => flags.isEnabled(BILLING_ENABLED, { customerId }), clock }),
        },
        StripeWorker,
      ],
      exports: [StripeBilling, StripeWorker],
    };
  }
}
