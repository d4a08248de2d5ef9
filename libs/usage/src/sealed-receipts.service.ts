import { firstIdAt, type Uuid } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { receiptOf, SELECTED_RECEIPT, type StoredReceipt } from './adapters/receipt-rows.js';
import { GENESIS, type Hash } from './core/savings/chain.js';
import { type AdjustmentFact, type Receipt } from './core/savings/receipt.types.js';
import { Sealer } from './sealer.service.js';

/** Where something stands in its customer's chain. */
export interface SealedPlace {
  readonly seq: number;
  readonly prevHash: Hash;
  readonly hash: Hash;
}

/** A receipt as it was recorded, and what was sealed about it later, in the order of the chain. */
export interface SealedReceipt {
  readonly recorded: Receipt;
  readonly link: SealedPlace;
  readonly adjustments: ReadonlyArray<{ readonly id: Uuid; readonly fact: AdjustmentFact; readonly link: SealedPlace }>;
}

export interface SealedRange {
  readonly customerId: string;
  /** Requests from here on are all given... */
  readonly from: Date;
  /** ... up to here, exclusive. */
  readonly to: Date;
  /** Of earlier requests those are given that something was sealed about, in links after this one. */
  readonly afterSeq: number;
  /** Nothing that was sealed after this link is seen: what is given for a link never changes. */
  readonly toSeq: number;
}

interface SealedRow extends StoredReceipt {
  readonly link: SealedPlace | null;
  readonly adjustments: SealedReceipt['adjustments'] | null;
}

const PAGE = 1_000;

const PLACE = `json_build_object('seq', c.seq, 'prevHash', c.prev_hash, 'hash', c.hash)`;

/** What a customer's chain holds. It is only ever extended, so that it is read without a lock, page by page. */
export class SealedReceipts {
  private readonly sealer: Sealer;

  constructor(dataSource: DataSource) {
    this.sealer = new Sealer(dataSource);
  }

  /** Seals what of this customer's still waits. */
  async sealNow(customerId: string): Promise<void> {
    await this.sealer.seal(customerId);
  }

  /** The chain's last link; before the first one seq 0 and zeros. */
  async head(manager: EntityManager, customerId: string): Promise<{ readonly seq: number; readonly hash: Hash }> {
    const [last] = await manager.query<Array<{ seq: string; hash: string }>>('select seq, hash from receipt_chain where customer_id = $1 order by seq desc limit 1', [customerId]);
    return last === undefined ? { seq: 0, hash: GENESIS } : { seq: Number(last.seq), hash: last.hash };
  }

  /** The range's receipts in the order of their requests, earlier ones first. Memory does not grow with their number. */
  async *between(manager: EntityManager, range: SealedRange): AsyncGenerator<SealedReceipt> {
    yield* pages((after) => earlierPage(manager, range, after));
    const [first, end] = [firstIdAt(range.from.getTime()), firstIdAt(range.to.getTime())];
    yield* pages((after) =>
      manager.query<SealedRow[]>(sealedRows(`select * from receipts where customer_id = $1 and request_id ${after === null ? '>=' : '>'} $3 and request_id < $4 order by request_id limit ${PAGE}`), [range.customerId, range.toSeq, after ?? first, end]),
    );
  }
}

/** The next page is read while one is gone through: two are the most that is held. */
async function* pages(read: (after: Uuid | null) => Promise<SealedRow[]>): AsyncGenerator<SealedReceipt> {
  let next: Promise<SealedRow[]> | null = read(null);
  try {
    while (next !== null) {
      const rows: SealedRow[] = await next;
      next = rows.length === PAGE ? read(rows.at(-1)!.request_id) : null;
      // Told where it is waited for.
      next?.catch(() => undefined);
      for (const row of rows) if (row.link !== null) yield { recorded: receiptOf(row), link: row.link, adjustments: row.adjustments ?? [] };
    }
  } finally {
    // Whoever wants no more goes on with the same connection.
    await next?.catch(() => undefined);
  }
}

/** Few: receipts that came after their period was closed, and facts about such. */
function earlierPage(manager: EntityManager, { customerId, from, afterSeq, toSeq }: SealedRange, after: Uuid | null): Promise<SealedRow[]> {
  const changed = `
    select r.* from receipts r where r.customer_id = $1 and r.request_id in (
      select id from receipt_chain where customer_id = $1 and seq > $5 and seq <= $2 and kind = 'receipt' and id < $3
      union
      select a.request_id from receipt_chain c join receipt_adjustments a on a.id = c.id where c.customer_id = $1 and c.seq > $5 and c.seq <= $2 and c.kind = 'adjustment' and a.request_id < $3
    ) and r.request_id > $4 order by r.request_id limit ${PAGE}`;
  return manager.query<SealedRow[]>(sealedRows(changed), [customerId, toSeq, firstIdAt(from.getTime()), after ?? firstIdAt(0), afterSeq]);
}

/** `laterals`, so that each page is a thousand look-ups, whatever the planner knows of tables that have just been filled. */
const sealedRows = (receipts: string): string => `
  select ${SELECTED_RECEIPT}, l.link, f.adjustments
  from (${receipts}) r
  left join lateral (select ${PLACE} as link from receipt_chain c where c.kind = 'receipt' and c.id = r.request_id and c.seq <= $2 limit 1) l on true
  left join lateral (
    select json_agg(json_build_object('id', a.id, 'fact', a.fact, 'link', ${PLACE}) order by c.seq) as adjustments
    from receipt_adjustments a join receipt_chain c on c.kind = 'adjustment' and c.id = a.id and c.seq <= $2
    where a.request_id = r.request_id
  ) f on true
  order by r.request_id`;
