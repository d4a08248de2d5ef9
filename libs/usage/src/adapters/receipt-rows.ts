import { type Uuid } from '@apex/common';
import { type AdjustmentFact, type Receipt } from '../core/savings/receipt.types.js';

/** `receipts`, as the driver gives its rows: bigint columns are texts. */
export interface StoredReceipt {
  readonly request_id: Uuid;
  readonly customer_id: string;
  readonly inputs: Receipt['inputs'];
  readonly baseline_pd: string;
  readonly actual_pd: string;
  readonly saving_pd: string;
  readonly shares: Receipt['shares'];
  readonly overhead_pd: string;
  readonly status: Receipt['status'];
  readonly reason: Receipt['reason'];
}

export const STORED_RECEIPT_COLUMNS = 'request_id, customer_id, inputs, baseline_pd, actual_pd, saving_pd, shares, overhead_pd, status, reason';

/** A request's amounts were numbers when they were computed, and are again. */
export const receiptOf = (row: StoredReceipt): Receipt => ({
  requestId: row.request_id,
  customerId: row.customer_id,
  inputs: row.inputs,
  baselinePd: Number(row.baseline_pd),
  actualPd: Number(row.actual_pd),
  savingPd: Number(row.saving_pd),
  shares: row.shares,
  overheadPd: Number(row.overhead_pd),
  status: row.status,
  reason: row.reason,
});

export interface StoredAdjustment {
  readonly id: Uuid;
  readonly request_id: Uuid;
  readonly customer_id: string;
  readonly fact: AdjustmentFact;
}
