import { Injectable } from '@nestjs/common';
import { AuditLog } from '@apex/auth';
import { Clock, notFound, type Uuid } from '@apex/common';
import { DataSource } from 'typeorm';
import { PICODOLLARS_PER_CENT } from '../core/statements/invoice.js';
import { Ledger } from '../ledger/ledger.service.js';

export interface Credit {
  readonly customerId: string;
  readonly amountCents: number;
  /** Names the credit within the customer: given twice, it is one. */
  readonly sourceId: string;
  readonly reason: string;
  /** Who grants it, as the audit log names people. */
  readonly actor: string;
}

export interface GrantedCredit {
  /** The ledger entry's. */
  readonly id: Uuid;
  readonly customerId: string;
  readonly sourceId: string;
  readonly amountPicodollars: string;
  /** false: it had been granted before. */
  readonly created: boolean;
  /** What the customer has left of all credits. */
  readonly creditPicodollars: string;
}

/** Money that a customer does not have to pay. A statement uses it up, before anything is charged. */
@Injectable()
export class Credits {
  constructor(
    private readonly dataSource: DataSource,
    private readonly ledger: Ledger,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /** @throws ApexError 404 for an unknown customer, 409 `ledger_conflict` when a credit of that name has another amount */
  async grant({ customerId, amountCents, sourceId, reason, actor }: Credit): Promise<GrantedCredit> {
    const amountPd = BigInt(amountCents) * PICODOLLARS_PER_CENT;
    const { id, posted } = await this.dataSource.transaction(async (manager) => {
      const [customer] = await manager.query<unknown[]>('select from customers where id = $1 for share', [customerId]);
      if (customer === undefined) throw notFound('customer');
      const entry = await this.ledger.post(manager, {
        customerId,
        kind: 'credit',
        sourceId,
        occurredAt: new Date(this.clock.now()),
        memo: reason,
        lines: [
          { account: 'adjustments', amountPd },
          { account: 'customer:credit', amountPd: -amountPd },
        ],
      });
      if (entry.posted) await this.audit.record({ actor, action: 'customer.credit', target: `customer:${customerId}/credit:${entry.id}`, after: { amountPicodollars: String(amountPd), sourceId }, reason }, manager);
      return entry;
    });
    const balances = await this.ledger.balances(customerId);
    return { id, customerId, sourceId, amountPicodollars: String(amountPd), created: posted, creditPicodollars: String(-(balances.get('customer:credit') ?? 0n)) };
  }
}
