import { AuditLog, authEntities, CustomersService, TermsService } from '@apex/auth';
import { SystemClock } from '@apex/common';
import { createDataSource } from '@apex/database';
import { Ledger } from '../src/ledger/ledger.service.js';
import { LedgerBooks } from '../src/stripe/ledger-books.js';
import { StripeBilling } from '../src/stripe/stripe-billing.js';

// A process that sends what waits, to be killed at a failpoint. Arguments: the database, and where Stripe is.
const [url, base] = process.argv.slice(2);
const dataSource = await createDataSource({ url: url!, entities: authEntities, migrations: [], poolSize: 2 }).initialize();
const audit = new AuditLog(dataSource);
const billing = new StripeBilling(
  { account: { key: 'sk_test_fake', livemode: false, base: new URL(base!) }, webhookSecrets: [], lookEveryMs: 0 },
  { dataSource, customers: new CustomersService(dataSource, audit, undefined as never), terms: new TermsService(dataSource, audit, undefined as never), audit, books: new LedgerBooks(new Ledger(dataSource), dataSource), billed: () => true, clock: new SystemClock() },
);
await billing.sender.drain();
await dataSource.destroy();
