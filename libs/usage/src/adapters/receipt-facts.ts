import { newId, type Uuid } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { type AdjustmentFact } from '../core/savings/receipt.types.js';

/** Something learned about a request after its receipt was written. */
export interface LaterFact {
  readonly customerId: string;
  readonly requestId: Uuid;
  readonly fact: AdjustmentFact;
  /** Who says so, as the audit log names people. */
  readonly actor: string;
}

/** A fact that is known already, or of a request without a receipt, adds nothing. */
const ADD = `
  with told as (
    select * from jsonb_to_recordset($1::jsonb) as t (id uuid, request_id uuid, customer_id text, fact jsonb, fact_key text, actor text)
  ), added as (
    insert into receipt_adjustments (id, request_id, customer_id, fact, fact_key, actor)
    select id, request_id, customer_id, fact, fact_key, actor from told
    where exists (select from receipts r where r.request_id = told.request_id and r.customer_id = told.customer_id)
    on conflict (request_id, fact_key) do nothing returning id, customer_id
  ), to_seal as (
    insert into unsealed (kind, id, customer_id) select 'adjustment', id, customer_id from added
  )
  select count(*)::int as added from added`;

/** Adds facts to receipts, each once, to be sealed with them. @returns how many were new */
export async function addFacts(executor: Pick<DataSource | EntityManager, 'query'>, facts: readonly LaterFact[]): Promise<number> {
  if (facts.length === 0) return 0;
  const rows = facts.map(({ customerId, requestId, fact, actor }) => ({ id: newId(), request_id: requestId, customer_id: customerId, fact, fact_key: factKey(fact), actor }));
  const [result] = (await executor.query(ADD, [JSON.stringify(rows)])) as Array<{ added: number }>;
  return result?.added ?? 0;
}

/** What makes a fact the same fact. */
const factKey = (fact: AdjustmentFact): string => (fact.kind === 'void' ? `void ${fact.reason}` : `spent ${fact.spending.kind} ${fact.spending.id}`);
