import { newId, type Uuid } from '@apex/common';
import { type EntityManager } from 'typeorm';
import { type StatementCharge } from '../core/statements/postings.js';
import { type PreviousStatement } from '../core/statements/statement-builder.js';
import { type StatementDocument } from '../core/statements/statement.types.js';

/** A statement as people find it in a list. */
export interface StatementSummary {
  readonly id: Uuid;
  readonly customerId: string;
  readonly periodStart: string;
  readonly periodEnd: string;
  readonly closedAt: string;
  readonly hash: string;
  readonly merkleRoot: string;
  readonly vbpCents: number;
  readonly chargedCents: number;
}

export interface StoredStatement extends PreviousStatement {
  readonly merkleRoot: string;
}

interface StatementRow {
  readonly id: Uuid;
  readonly hash: string;
  readonly merkle_root: string;
  readonly document: StatementDocument;
}

const COLUMNS = 'id, hash, merkle_root, document';
const storedOf = (row: StatementRow): StoredStatement => ({ id: row.id, hash: row.hash, merkleRoot: row.merkle_root, document: row.document });

export async function findStatement(manager: EntityManager, customerId: string, id: Uuid): Promise<StoredStatement | null> {
  const [row] = await manager.query<StatementRow[]>(`select ${COLUMNS} from statements where customer_id = $1 and id = $2`, [customerId, id]);
  return row === undefined ? null : storedOf(row);
}

export async function findByStart(manager: EntityManager, customerId: string, start: Date): Promise<StoredStatement | null> {
  const [row] = await manager.query<StatementRow[]>(`select ${COLUMNS} from statements where customer_id = $1 and period_start = $2`, [customerId, start]);
  return row === undefined ? null : storedOf(row);
}

export async function lastStatement(manager: EntityManager, customerId: string): Promise<StoredStatement | null> {
  const [row] = await manager.query<StatementRow[]>(`select ${COLUMNS} from statements where customer_id = $1 order by period_start desc limit 1`, [customerId]);
  return row === undefined ? null : storedOf(row);
}

/** Newest first. */
export async function listStatements(manager: EntityManager, customerId: string, limit: number): Promise<StatementSummary[]> {
  const rows = await manager.query<StatementRow[]>(`select ${COLUMNS} from statements where customer_id = $1 order by period_start desc limit $2`, [customerId, limit]);
  return rows.map(({ id, hash, merkle_root: merkleRoot, document: { period, closedAt, invoice } }) => ({
    id,
    customerId,
    periodStart: period.start,
    periodEnd: period.end,
    closedAt: closedAt!,
    hash,
    merkleRoot,
    vbpCents: invoice.lines.find(({ kind }) => kind === 'vbp')!.cents,
    chargedCents: invoice.chargedCents,
  }));
}

export async function insertStatement(manager: EntityManager, document: StatementDocument, hash: string): Promise<void> {
  const { id, customerId, period, previous, receipts, closedAt } = document;
  await manager.query('insert into statements (id, customer_id, period_start, period_end, previous_id, document, hash, merkle_root, closed_at) values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9)', [
    id,
    customerId,
    period.start,
    period.end,
    previous?.id ?? null,
    JSON.stringify(document),
    hash,
    receipts.merkleRoot,
    closedAt,
  ]);
}

export async function insertCharges(manager: EntityManager, { id, customerId, currency, period }: StatementDocument, hash: string, charges: readonly StatementCharge[]): Promise<void> {
  await manager.query(
    `insert into statement_charges (id, statement_id, customer_id, kind, amount_cents, currency, description, period_start, period_end, statement_hash)
     select c.id, $1, $2, c.kind, c."amountCents", $3, c.description, $4, $5, $6 from json_to_recordset($7::json) c (id uuid, kind text, "amountCents" bigint, description text)`,
    [id, customerId, currency, period.start, period.end, hash, JSON.stringify(charges.map((charge) => ({ id: newId(), ...charge })))],
  );
}

/** Customers whose next period may be due: `closesBefore` is the latest end of a period that is. */
export async function customersToClose(manager: EntityManager, closesBefore: Date): Promise<string[]> {
  const rows = await manager.query<Array<{ id: string }>>(
    `select c.id from customers c left join lateral (select period_end from statements s where s.customer_id = c.id order by period_start desc limit 1) last on true
     where coalesce(last.period_end, c.created_at) < $1 order by c.id`,
    [closesBefore],
  );
  return rows.map((row) => row.id);
}

/** What the customer has left of credits, as the ledger has it in this transaction: to wait for another connection here could be for ever. */
export async function creditOf(manager: EntityManager, customerId: string): Promise<bigint> {
  const [row] = await manager.query<Array<{ credit: string }>>(
    `select coalesce(-sum(l.amount_pd), 0)::text as credit from ledger_entries e join ledger_lines l on l.entry_id = e.id where e.customer_id = $1 and l.account = 'customer:credit'`,
    [customerId],
  );
  return BigInt(row!.credit);
}
