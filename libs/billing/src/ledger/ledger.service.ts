import { ApexError, newId, type Uuid } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { ACCOUNTS, type Account, normalizedLines, type Posting, type PostingLine, sameLines } from '../core/ledger/posting.js';

interface LineRow {
  readonly account: Account;
  /** numeric(38,0), which the driver gives as a string. */
  readonly amount_pd: string;
}

/**
 * The books of what customers owe and are owed: double-entry, append-only, exact. What is wrong is put right by another
 * posting; a balance is a sum over postings.
 */
export class Ledger {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Posts in the caller's transaction, once for each (customer, kind, source), however often and wherever it is tried.
   *
   * @returns `posted: false` when it stood there before; a posting that another transaction is just making is waited for
   * @throws ApexError `ledger_conflict` when one of that name stands there with other lines, `ledger_unbalanced` for lines
   * that do not sum to zero; nothing is posted then
   */
  async post(manager: EntityManager, posting: Posting): Promise<{ id: Uuid; posted: boolean }> {
    const { customerId, kind, sourceId, occurredAt, memo } = posting;
    const lines = normalizedLines(posting.lines);
    const [entry] = await manager.query<Array<{ id: Uuid }>>(
      `insert into ledger_entries (id, customer_id, kind, source_id, occurred_at, memo) values ($1, $2, $3, $4, $5, $6)
       on conflict (customer_id, kind, source_id) do nothing returning id`,
      [newId(), customerId, kind, sourceId, occurredAt, memo],
    );
    if (entry === undefined) return { id: await this.posted(manager, posting, lines), posted: false };
    await manager.query('insert into ledger_lines (entry_id, account, amount_pd) select $1, * from unnest($2::text[], $3::numeric[])', [
      entry.id,
      lines.map(({ account }) => account),
      lines.map(({ amountPd }) => amountPd.toString()),
    ]);
    return { id: entry.id, posted: true };
  }

  /** What each account of the customer stands at, in picodollars, over all postings that occurred by `at` (default: all). */
  async balances(customerId: string, at?: Date): Promise<ReadonlyMap<Account, bigint>> {
    const rows = await this.dataSource.query<LineRow[]>(
      `select l.account, sum(l.amount_pd)::text as amount_pd from ledger_entries e join ledger_lines l on l.entry_id = e.id
       where e.customer_id = $1 and ($2::timestamptz is null or e.occurred_at <= $2) group by l.account`,
      [customerId, at ?? null],
    );
    const sums = new Map(rows.map((row) => [row.account, BigInt(row.amount_pd)]));
    return new Map(ACCOUNTS.map((account) => [account, sums.get(account) ?? 0n]));
  }

  private async posted(manager: EntityManager, { customerId, kind, sourceId }: Posting, lines: readonly PostingLine[]): Promise<Uuid> {
    const rows = await manager.query<Array<{ id: Uuid } & (LineRow | Record<keyof LineRow, null>)>>(
      `select e.id, l.account, l.amount_pd::text as amount_pd from ledger_entries e left join ledger_lines l on l.entry_id = e.id
       where e.customer_id = $1 and e.kind = $2 and e.source_id = $3`,
      [customerId, kind, sourceId],
    );
    const standing = rows.flatMap((row) => (row.account === null ? [] : [{ account: row.account, amountPd: BigInt(row.amount_pd) }]));
    if (!sameLines(lines, normalizedLines(standing))) {
      throw new ApexError('ledger_conflict', 409, `The ledger has ${kind} '${sourceId}' of customer '${customerId}' with other amounts.`);
    }
    return rows[0]!.id;
  }
}
