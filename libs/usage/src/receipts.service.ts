import { ApexError, type Clock, firstIdAt, idTime, type Uuid } from '@apex/common';
import { type DataSource } from 'typeorm';
import { addFacts } from './adapters/receipt-facts.js';
import { receiptOf, type StoredAdjustment, SELECTED_RECEIPT, type StoredReceipt } from './adapters/receipt-rows.js';
import { type Link } from './core/savings/chain.js';
import { foldAdjustments } from './core/savings/receipt.js';
import { type AdjustmentFact, type Receipt } from './core/savings/receipt.types.js';

/** What is known of a request's savings now: as recorded, what came later, and both together. */
export interface ReceiptView {
  readonly recorded: Receipt;
  readonly adjustments: ReadonlyArray<{ readonly id: Uuid; readonly fact: AdjustmentFact }>;
  readonly current: Receipt;
  /** Its place in the customer's chain; null until it is sealed. */
  readonly link: Link | null;
}

/** How long after a request its answer may be rejected. */
export const FEEDBACK_WINDOW_MS = 72 * 3_600_000;

const PAGE = 1_000;

/** Receipts with what was learned about them later. Everything is asked and told within one customer. */
export class Receipts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Null: this customer has no such receipt. */
  async find(customerId: string, requestId: Uuid): Promise<ReceiptView | null> {
    const [view] = await this.views(customerId, 'request_id = $2', [requestId], 1);
    return view ?? null;
  }

  /** All receipts of requests in `[from, to)`, in their order, page by page: memory does not grow with the period. */
  async *between(customerId: string, from: Date, to: Date): AsyncGenerator<ReceiptView> {
    const end = firstIdAt(to.getTime());
    let page = await this.views(customerId, 'request_id >= $2 and request_id < $3', [firstIdAt(from.getTime()), end], PAGE);
    while (page.length > 0) {
      yield* page;
      if (page.length < PAGE) return;
      page = await this.views(customerId, 'request_id > $2 and request_id < $3', [page.at(-1)!.recorded.requestId, end], PAGE);
    }
  }

  /**
   * Adds a fact to a request's receipt. Telling it again changes nothing.
   * @returns whether it was new
   * @throws ApexError 404 `receipt_not_found`
   */
  async adjust(customerId: string, requestId: Uuid, fact: AdjustmentFact, actor: string): Promise<boolean> {
    if ((await addFacts(this.dataSource, [{ customerId, requestId, fact, actor }])) === 1) return true;
    if ((await this.find(customerId, requestId)) === null) throw new ApexError('receipt_not_found', 404, `There is no receipt for request ${requestId}.`);
    return false;
  }

  /**
   * The customer's word that an answer was no good: its saving is not billed.
   * @throws ApexError 404 `receipt_not_found`; 409 `feedback_too_late` after `FEEDBACK_WINDOW_MS`
   */
  async reject(customerId: string, requestId: Uuid, actor: string): Promise<boolean> {
    if ((await this.find(customerId, requestId)) === null) throw new ApexError('receipt_not_found', 404, `There is no receipt for request ${requestId}.`);
    if (this.clock.now() - idTime(requestId) > FEEDBACK_WINDOW_MS) throw new ApexError('feedback_too_late', 409, 'An answer can be rejected within 72 hours of its request.');
    return this.adjust(customerId, requestId, { kind: 'void', reason: 'rejected' }, actor);
  }

  private async views(customerId: string, where: string, parameters: unknown[], limit: number): Promise<ReceiptView[]> {
    const rows = await this.dataSource.query<StoredReceipt[]>(`select ${SELECTED_RECEIPT} from receipts where customer_id = $1 and ${where} order by request_id limit ${limit}`, [customerId, ...parameters]);
    const ids = rows.map((row) => row.request_id);
    const adjustments = await this.dataSource.query<StoredAdjustment[]>('select id, request_id, customer_id, fact from receipt_adjustments where customer_id = $1 and request_id = any($2) order by id', [customerId, ids]);
    const links = await this.dataSource.query<Array<{ seq: string; id: Uuid; content_hash: string; prev_hash: string; hash: string }>>(`select seq, id, content_hash, prev_hash, hash from receipt_chain where kind = 'receipt' and id = any($1)`, [ids]);
    const adjustmentsOf = Map.groupBy(adjustments, (row) => row.request_id);
    const linkOf = new Map(links.map((row): [Uuid, Link] => [row.id, { seq: Number(row.seq), kind: 'receipt', id: row.id, contentHash: row.content_hash, prevHash: row.prev_hash, hash: row.hash }]));
    return rows.map((row) => {
      const recorded = receiptOf(row);
      const later = (adjustmentsOf.get(row.request_id) ?? []).map(({ id, fact }) => ({ id, fact }));
      return { recorded, adjustments: later, current: foldAdjustments(recorded, later.map(({ fact }) => fact)), link: linkOf.get(row.request_id) ?? null };
    });
  }
}
