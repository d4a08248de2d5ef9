import { type Uuid } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { receiptOf, type StoredAdjustment, SELECTED_RECEIPT, type StoredReceipt } from './adapters/receipt-rows.js';
import { adjustmentHash, receiptHash, seal, type Sealable } from './core/savings/chain.js';

/** Links of one transaction: its lock is short, and a long queue goes in many steps. */
const BATCH = 500;

// From one customer to the next by the index: `distinct` would read all that waits, each second.
const CUSTOMERS_WAITING = `
  with recursive waiting as (
    (select customer_id from unsealed order by customer_id limit 1)
    union all
    select (select u.customer_id from unsealed u where u.customer_id > w.customer_id order by u.customer_id limit 1) from waiting w where w.customer_id is not null
  )
  select customer_id from waiting where customer_id is not null`;

/**
 * Gives committed receipts and adjustments their place in their customer's chain. Any number of sealers may run anywhere:
 * a customer's chain is extended under a lock, in one transaction with the queue that it is taken from, so that a sealer
 * that dies leaves either both or neither.
 */
export class Sealer {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Seals what waits, of all customers or of one: all of it, or until `goesOn` says no after a transaction.
   * @returns how many links were added
   */
  async seal(customerId: string | null = null, goesOn: () => boolean = () => true): Promise<number> {
    let sealed = 0;
    for (const customer of customerId === null ? await this.customersWaiting() : [customerId]) {
      for (let links = BATCH; links === BATCH; ) {
        links = await this.dataSource.transaction((manager) => this.sealBatch(manager, customer));
        sealed += links;
        if (!goesOn()) return sealed;
      }
    }
    return sealed;
  }

  private async customersWaiting(): Promise<string[]> {
    const rows = await this.dataSource.query<Array<{ customer_id: string }>>(CUSTOMERS_WAITING);
    return rows.map((row) => row.customer_id);
  }

  private async sealBatch(manager: EntityManager, customerId: string): Promise<number> {
    // The queue has no statistics that last: left to itself Postgres sorts all that waits, for each batch, where there is an index in this order.
    await manager.query(`select pg_advisory_xact_lock(hashtextextended('apex:seal:' || $1, 0)), set_config('enable_sort', 'off', true)`, [customerId]);
    const items = await waiting(manager, customerId);
    if (items.length === 0) return 0;
    const [last] = await manager.query<Array<{ seq: string; hash: string }>>('select seq, hash from receipt_chain where customer_id = $1 order by seq desc limit 1', [customerId]);
    const links = seal(customerId, last === undefined ? null : { seq: Number(last.seq), hash: last.hash }, items);
    await manager.query(
      `with link as (
         insert into receipt_chain (customer_id, seq, kind, id, content_hash, prev_hash, hash)
         select $1, l.seq, l.kind, l.id, l."contentHash", l."prevHash", l.hash
         from json_to_recordset($2::json) l (seq bigint, kind text, id uuid, "contentHash" text, "prevHash" text, hash text)
         returning kind, id
       )
       delete from unsealed u using link where u.customer_id = $1 and u.id = link.id and u.kind = link.kind`,
      [customerId, JSON.stringify(links)],
    );
    return links.length;
  }
}

interface Waiting {
  readonly kind: Sealable['kind'];
  readonly id: Uuid;
  /** Of receipts, as the process that made it computed it; null for one from a journal of an older release. */
  readonly content_hash: string | null;
}

/** What is to be sealed next, in the order of ids, which is about that of time. */
async function waiting(manager: EntityManager, customerId: string): Promise<Sealable[]> {
  const queue = await manager.query<Waiting[]>('select kind, id, content_hash from unsealed where customer_id = $1 order by id, kind limit $2', [customerId, BATCH]);
  const hashes = await hashesOf(manager, queue.filter((one) => one.content_hash === null));
  return queue.map(({ kind, id, content_hash: known }) => {
    const contentHash = known ?? hashes.get(`${kind} ${id}`);
    if (contentHash === undefined) throw new Error(`${kind} ${id} waits to be sealed and is not there`);
    return { kind, id, contentHash };
  });
}

/** Of what came without its hash, by kind and id. */
async function hashesOf(manager: EntityManager, rows: readonly Waiting[]): Promise<Map<string, string>> {
  const ids = (kind: Sealable['kind']): Uuid[] => rows.filter((one) => one.kind === kind).map((one) => one.id);
  const hashes = new Map<string, string>();
  const [adjustmentIds, receiptIds] = [ids('adjustment'), ids('receipt')];
  if (adjustmentIds.length > 0) {
    const adjustments = await manager.query<StoredAdjustment[]>('select id, request_id, customer_id, fact from receipt_adjustments where id = any($1)', [adjustmentIds]);
    for (const row of adjustments) hashes.set(`adjustment ${row.id}`, adjustmentHash(row.id, row.request_id, row.customer_id, row.fact));
  }
  if (receiptIds.length > 0) {
    const receipts = await manager.query<StoredReceipt[]>(`select ${SELECTED_RECEIPT} from receipts where request_id = any($1)`, [receiptIds]);
    for (const row of receipts) hashes.set(`receipt ${row.request_id}`, receiptHash(receiptOf(row)));
  }
  return hashes;
}
