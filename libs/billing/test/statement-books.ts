import { AuditLog, authEntities, TermsService } from '@apex/auth';
import { type Clock, firstIdAt, newId } from '@apex/common';
import { createDataSource } from '@apex/database';
import { ActivePolicies, type PolicySnapshot } from '@apex/policy';
import { type AdjustmentFact, computeReceipt, type Receipt, type ReceiptInputs, Receipts, SealedReceipts } from '@apex/usage';
import { type DataSource } from 'typeorm';
import { Ledger } from '../src/ledger/ledger.service.js';
import { Statements } from '../src/statements/statements.service.js';

/** Policies that know one secret for all months. */
export class OneSecret extends ActivePolicies {
  static readonly SECRET = Buffer.alloc(32, 7);

  of(): PolicySnapshot {
    throw new Error('no decision is made here');
  }

  secretAt(): Buffer {
    return OneSecret.SECRET;
  }
}

/** `Statements` over real stores; with the terms that the tables hold. */
export function statementsOver(dataSource: DataSource, clock: Clock): Statements {
  const audit = new AuditLog(dataSource);
  // Nobody listens for changes of terms here.
  const terms = new TermsService(dataSource, audit, { announce: async () => undefined } as never);
  return new Statements({ dataSource, clock, receipts: new SealedReceipts(dataSource), terms, ledger: new Ledger(dataSource), policies: new OneSecret(), audit });
}

export const connect = (url: string): Promise<DataSource> => createDataSource({ url, entities: authEntities, migrations: [], poolSize: 3 }).initialize();

export async function addCustomer(dataSource: DataSource, id: string, createdAt: string, tier = 'early'): Promise<void> {
  await dataSource.query('insert into customers (id, name, tier, created_at) values ($1, $1, $2, $3)', [id, tier, createdAt]);
}

/** A receipt in the books, as the journal's batcher leaves it there. */
export async function addReceipt(dataSource: DataSource, customerId: string, at: string, inputs: ReceiptInputs): Promise<Receipt> {
  // The moment's id with the randomness of a new one.
  const requestId = `${firstIdAt(Date.parse(at)).slice(0, 14)}${newId().slice(14)}`;
  const receipt = computeReceipt(requestId, customerId, inputs);
  await dataSource.query(
    `with added as (
       insert into receipts (request_id, customer_id, inputs, baseline_pd, actual_pd, saving_pd, shares, overhead_pd, status, reason) values ($1, $2, $3::jsonb, $4, $5, $6, $7::jsonb, $8, $9, $10) returning request_id
     ) insert into unsealed (kind, id, customer_id) select 'receipt', request_id, $2 from added`,
    [requestId, customerId, JSON.stringify(inputs), receipt.baselinePd, receipt.actualPd, receipt.savingPd, JSON.stringify(receipt.shares), receipt.overheadPd, receipt.status, receipt.reason],
  );
  return receipt;
}

export const adjust = (dataSource: DataSource, clock: Clock, { customerId, requestId }: Receipt, fact: AdjustmentFact): Promise<boolean> => new Receipts(dataSource, clock).adjust(customerId, requestId, fact, 'test');

/** A hit of the exact cache that saved this much. */
export function exactHit(savedPd: number): ReceiptInputs {
  const usage = { promptTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };
  const rates = { input: savedPd, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, request: 0, denominator: 1, priceVersion: '2025-03-01' };
  return {
    v: 1,
    provider: 'openai',
    requestedModel: 'dear',
    servedModel: null,
    arm: 'treated',
    cluster: '00',
    covariates: { promptCostPd: savedPd, requestedModel: 'dear', maxTokens: null },
    policyId: '01956c00-0000-7000-8000-00000000beef',
    policyVersion: 1,
    baseline: { usage, rates },
    lengthRatioPpm: 1_000_000,
    steps: [{ mechanism: 'exact_cache', usage, rates: null }],
    spent: [],
    voidReason: null,
  };
}
