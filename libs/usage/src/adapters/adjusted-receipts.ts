import { type Uuid } from '@apex/common';
import { type EntityManager } from 'typeorm';
import { foldAdjustments } from '../core/savings/receipt.js';
import { type Receipt } from '../core/savings/receipt.types.js';
import { receiptOf, SELECTED_RECEIPT, type StoredAdjustment, type StoredReceipt } from './receipt-rows.js';

const PAGE = 1_000;

/** A customer's receipts whose request ids are in [from, to). */
export interface ReceiptRange {
  readonly customerId: string;
  readonly from: Uuid;
  readonly to: Uuid;
}

/** The few receipts of a range that something was learned about later, folded, in the order of their requests; a page at a time. Ask in a transaction that sees one moment: REPEATABLE READ. */
export async function* adjustedReceipts(manager: EntityManager, { customerId, from, to }: ReceiptRange): AsyncGenerator<Receipt> {
  let after = from;
  for (let first = true, page = PAGE; page === PAGE; first = false) {
    const rows = await manager.query<StoredReceipt[]>(
      `select ${SELECTED_RECEIPT} from receipts r where customer_id = $1 and request_id ${first ? '>=' : '>'} $2 and request_id < $3
       and exists (select from receipt_adjustments a where a.request_id = r.request_id) order by request_id limit ${PAGE}`,
      [customerId, after, to],
    );
    const facts = await manager.query<StoredAdjustment[]>('select id, request_id, customer_id, fact from receipt_adjustments where request_id = any($1)', [rows.map((row) => row.request_id)]);
    const factsOf = Map.groupBy(facts, (row) => row.request_id);
    for (const row of rows) yield foldAdjustments(receiptOf(row), (factsOf.get(row.request_id) ?? []).map(({ fact }) => fact));
    page = rows.length;
    after = rows.at(-1)?.request_id ?? after;
  }
}
