import { type DynamicModule, Module } from '@nestjs/common';
import { AuditLog, CustomersService, TermsService } from '@apex/auth';
import { Clock } from '@apex/common';
import { FlagsService } from '@apex/flags';
import { GatewayMetrics } from '@apex/telemetry';
import { DataSource } from 'typeorm';
import { Ledger } from '../ledger/ledger.service.js';
import { LedgerBooks } from './ledger-books.js';
import { type StripeConfig } from './stripe.config.js';
import { STRIPE_CONFIG } from './stripe.tokens.js';
import { StripeBilling } from './stripe-billing.js';
import { registerStripeMetrics } from './stripe-metrics.js';
import { StripeWorker } from './stripe-worker.service.js';

const BILLING_ENABLED = 'billing_enabled';
const METRICS = Symbol('Stripe metrics');

/** Stripe, with or without a key. Needs `DataSource`, `Clock`, `Ledger`, and the modules of auth, flags and telemetry. */
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
          inject: [DataSource, CustomersService, TermsService, AuditLog, Ledger, FlagsService, Clock],
          useFactory: (dataSource: DataSource, customers: CustomersService, terms: TermsService, audit: AuditLog, ledger: Ledger, flags: FlagsService, clock: Clock) =>
            new StripeBilling(config, { dataSource, customers, terms, audit, books: new LedgerBooks(ledger, dataSource), billed: (customerId) => flags.isEnabled(BILLING_ENABLED, { customerId }), clock }),
        },
        { provide: METRICS, inject: [GatewayMetrics, StripeBilling], useFactory: (metrics: GatewayMetrics, { configured, counts, backlog }: StripeBilling) => (configured ? registerStripeMetrics(metrics, counts, backlog) : undefined) },
        StripeWorker,
      ],
      exports: [StripeBilling, StripeWorker],
    };
  }
}
