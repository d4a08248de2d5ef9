import { type Uuid } from '@apex/common';
import { type ReceiptRow, STORED_RECEIPT_COLUMNS } from '../core/journal-receipt.js';
import { type AdjustmentFact, type Receipt } from '../core/savings/receipt.types.js';

/** `receipts`, as the driver gives its rows: bigint columns are texts. */
export type StoredReceipt = { readonly [Name in keyof ReceiptRow]: ReceiptRow[Name] extends number ? string : ReceiptRow[Name] };

/** What makes a `StoredReceipt`, for a select. */
export const SELECTED_RECEIPT = STORED_RECEIPT_COLUMNS.map(({ name }) => name).join(', ');

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
