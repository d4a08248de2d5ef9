import { Logger } from '@nestjs/common';
import { type AuditLog, type CustomersService, type TermsService } from '@apex/auth';
import { type Clock } from '@apex/common';
import { type DataSource } from 'typeorm';
import { BillingAccounts } from './billing-accounts.js';
import { BillingStates } from './billing-state.js';
import { BooksAudit } from './books-audit.js';
import { ModeGuard } from './mode-guard.js';
import { Outbox } from './outbox.js';
import { billingNotConfigured } from './payment-error.js';
import { type PaymentProvider } from './payment-provider.js';
import { type Books } from './ports.js';
import { PriceCatalogue } from './price-catalogue.js';
import { type StripeConfig } from './stripe.config.js';
import { StripeAdapter } from './stripe-adapter.js';
import { StripeBacklog } from './stripe-backlog.js';
import { StripeCounts } from './stripe-counts.js';
import { StripeInbox } from './stripe-inbox.js';
import { StripeProjector } from './stripe-projector.js';
import { StripeSender } from './stripe-sender.js';

export interface StripeDependencies {
  readonly dataSource: DataSource;
  readonly customers: Pick<CustomersService, 'applyBilling'>;
  readonly audit: AuditLog;
  readonly books: Books;
  readonly terms: Pick<TermsService, 'feeOf'>;
  /** Whether a customer is billed: the flag `billing_enabled`. */
  readonly billed: (customerId: string) => boolean;
  readonly clock: Clock;
}

interface Parts {
  readonly provider: PaymentProvider;
  readonly mode: ModeGuard;
  readonly projector: StripeProjector;
  readonly inbox: StripeInbox;
  readonly sender: StripeSender;
  readonly accounts: BillingAccounts;
  readonly audit: BooksAudit;
}

/** All of Stripe there is in a process; without a key only what needs none. */
export class StripeBilling {
  readonly states: BillingStates;
  readonly counts = new StripeCounts();
  readonly backlog: StripeBacklog;
  private readonly parts: Parts | null;

  constructor(config: StripeConfig, private readonly deps: StripeDependencies) {
    const { account } = config;
    const { dataSource, customers, audit, books, clock, billed } = deps;
    this.states = new BillingStates(dataSource, account === null ? 'off' : account.livemode ? 'live' : 'test', billed);
    this.backlog = new StripeBacklog(dataSource, billed, clock);
    if (account === null) {
      this.parts = null;
      return;
    }
    const log = new Logger('Stripe');
    const provider = new StripeAdapter(account.key, account.livemode, account.base);
    const mode = new ModeGuard(account.livemode);
    const prices = new PriceCatalogue(dataSource, provider, deps.terms);
    const projector = new StripeProjector(dataSource, provider, customers, audit, books, prices, clock);
    const outbox = new Outbox(dataSource);
    this.parts = {
      provider,
      mode,
      projector,
      inbox: new StripeInbox(dataSource, projector, mode, account.livemode, config.webhookSecrets, this.counts, clock, log),
      sender: new StripeSender(dataSource, outbox, provider, projector, mode, audit, billed, this.counts, clock, log),
      accounts: new BillingAccounts(dataSource, provider, prices, projector, outbox, mode, customers, books, audit, billed, clock),
      audit: new BooksAudit(dataSource, provider, projector, books, billed, clock, log),
    };
  }

  get configured(): boolean {
    return this.parts !== null;
  }

  /** @throws ConfigError for a key of the other mode than what is stored */
  async checkMode(): Promise<void> {
    await this.parts?.mode.check(this.deps.dataSource);
  }

  /** @throws ApexError 409 `billing_not_configured`, as all below */
  get provider(): PaymentProvider {
    return this.open().provider;
  }

  get projector(): StripeProjector {
    return this.open().projector;
  }

  get inbox(): StripeInbox {
    return this.open().inbox;
  }

  get sender(): StripeSender {
    return this.open().sender;
  }

  get accounts(): BillingAccounts {
    return this.open().accounts;
  }

  get audit(): BooksAudit {
    return this.open().audit;
  }

  private open(): Parts {
    if (this.parts === null) throw billingNotConfigured();
    return this.parts;
  }
}
