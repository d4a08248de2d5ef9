import { type AuditLog, type Terms, type TermsService } from '@apex/auth';
import { ApexError, type Clock, failpoint, invalid, newId, notFound, type Uuid } from '@apex/common';
import { type ActivePolicies, periodAt, secretHash } from '@apex/policy';
import { type SealedReceipt, type SealedReceipts } from '@apex/usage';
import { type DataSource, type EntityManager } from 'typeorm';
import { type BillingPeriod, closesAt, CLOSES_AFTER_MS, firstPeriod, periodFrom } from '../core/statements/billing-period.js';
import { MerkleTree } from '../core/statements/merkle.js';
import { chargesOf, postingsOf } from '../core/statements/postings.js';
import { leafOf, type PreviousStatement, StatementBuilder, statementHash } from '../core/statements/statement-builder.js';
import { type MonthSecret, type StatementDocument } from '../core/statements/statement.types.js';
import { type Ledger } from '../ledger/ledger.service.js';
import { isFeeInvoiced, tierInPeriod } from '../stripe/subscribed-periods.js';
import { passThroughOf } from './pass-through.js';
import { creditOf, customersToClose, findByStart, findStatement, insertCharges, insertStatement, lastStatement, listStatements, type StatementSummary, type StoredStatement } from './statement-store.js';

/** A leaf's way to a statement's root, for whoever holds the receipt. */
export interface InclusionProof {
  readonly statementId: Uuid;
  readonly statementHash: string;
  readonly merkleRoot: string;
  readonly leaves: number;
  readonly leafIndex: number;
  /** From the leaf upwards. */
  readonly path: readonly string[];
  readonly receipt: SealedReceipt;
}

export interface StatementParts {
  readonly dataSource: DataSource;
  readonly clock: Clock;
  readonly receipts: SealedReceipts;
  readonly terms: Pick<TermsService, 'termsOf'>;
  readonly ledger: Ledger;
  readonly policies: ActivePolicies;
  readonly audit: AuditLog;
}

/** Nobody needs more at once: a customer's periods of eight years. */
const LISTED = 100;

/** Customers' statements: looked at before their time, closed once, and given out with all that is needed to check them. */
export class Statements {
  constructor(private readonly parts: StatementParts) {}

  /**
   * The statement of the open period that `at` is in, as it would be closed now. Where the period before it is over and not
   * closed yet, that one is taken as it would be closed now, too.
   * @throws ApexError 404 for an unknown customer; 400 `period_in_future`; 409 `period_closed`, which names the statement
   */
  async preview(customerId: string, at: Date): Promise<StatementDocument> {
    if (at.getTime() > this.parts.clock.now()) throw new ApexError('period_in_future', 400, 'There is nothing to see of a period that has not begun.', { param: 'from' });
    const { dataSource, receipts } = this.parts;
    await customerSince(dataSource.manager, customerId);
    await receipts.sealNow(customerId);
    return dataSource.transaction('REPEATABLE READ', async (manager) => {
      let previous: PreviousStatement | null = await lastStatement(manager, customerId);
      if (previous !== null && at.getTime() < Date.parse(previous.document.period.end)) {
        throw new ApexError('period_closed', 409, 'The period is closed: its statement is among the statements.', { param: 'from' });
      }
      for (;;) {
        const period = await this.nextPeriod(manager, customerId, previous);
        const document = await this.make(manager, customerId, period, previous, newId(), null);
        if (at.getTime() < period.end.getTime()) return document;
        previous = { id: document.id, hash: statementHash(document), document };
      }
    });
  }

  /**
   * Closes the period that begins at `start`: the statement, what it charges, the ledger's entry and the audit's in one
   * transaction, once, however often and wherever it is tried.
   * @returns `created: false` where it was closed before
   * @throws ApexError, audited: 404 for an unknown customer; 400 `period_in_future`; 409 `period_open` within 72 hours of the period's end,
   * `earlier_period_open`, `statement_being_closed` by another process; 400 `not_a_period`; 503 `clock_ahead` where this
   * machine's clock says that it is time and the store's does not
   */
  async close(customerId: string, start: Date, actor: string): Promise<{ readonly id: Uuid; readonly created: boolean }> {
    return this.audited(customerId, start, actor, () => this.closeOnce(customerId, start, actor));
  }

  /** Closes all of a customer's periods that are due, oldest first. */
  async closeDue(customerId: string, actor: string): Promise<Uuid[]> {
    const closed: Uuid[] = [];
    for (;;) {
      const { dataSource, clock } = this.parts;
      const period = await this.audited(customerId, null, actor, async () => this.nextPeriod(dataSource.manager, customerId, await lastStatement(dataSource.manager, customerId)));
      if (closesAt(period).getTime() > clock.now()) return closed;
      const { id, created } = await this.close(customerId, period.start, actor);
      if (created) closed.push(id);
    }
  }

  /** Customers that `closeDue` may have something to do for. */
  customersDue(): Promise<string[]> {
    const { dataSource, clock } = this.parts;
    return customersToClose(dataSource.manager, new Date(clock.now() - CLOSES_AFTER_MS));
  }

  list(customerId: string): Promise<StatementSummary[]> {
    return listStatements(this.parts.dataSource.manager, customerId, LISTED);
  }

  /** @throws ApexError 404 */
  async get(customerId: string, id: Uuid): Promise<StoredStatement> {
    const found = await findStatement(this.parts.dataSource.manager, customerId, id);
    if (found === null) throw notFound('statement');
    return found;
  }

  /** What a statement's tree is made of, in the order of its leaves: the same at any later time. */
  receiptsOf({ customerId, chain, period, receipts }: StatementDocument): AsyncGenerator<SealedReceipt> {
    return this.parts.receipts.between(this.parts.dataSource.manager, { customerId, from: new Date(receipts.from), to: new Date(period.end), afterSeq: chain.after, toSeq: chain.to });
  }

  /** @throws ApexError 404 for a request whose receipt is not in the statement */
  async inclusionProof(customerId: string, id: Uuid, requestId: Uuid): Promise<InclusionProof> {
    const { document, hash } = await this.get(customerId, id);
    const tree = new MerkleTree();
    let wanted: SealedReceipt | null = null;
    for await (const sealed of this.receiptsOf(document)) {
      const isWanted = sealed.recorded.requestId === requestId;
      tree.add(leafOf(sealed), isWanted);
      if (isWanted) wanted = sealed;
    }
    const inclusion = tree.inclusion();
    if (wanted === null || inclusion === null) throw notFound('receipt in this statement');
    return { statementId: id, statementHash: hash, merkleRoot: tree.root(), leaves: tree.leaves, leafIndex: inclusion.index, path: inclusion.hashes, receipt: wanted };
  }

  private async audited<T>(customerId: string, start: Date | null, actor: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ApexError && error.code !== 'statement_being_closed') {
        await this.parts.audit.record({ actor, action: 'statement.refuse', target: `customer:${customerId}`, after: { periodStart: start?.toISOString() ?? null, code: error.code } });
      }
      throw error;
    }
  }

  private async closeOnce(customerId: string, start: Date, actor: string): Promise<{ readonly id: Uuid; readonly created: boolean }> {
    const { dataSource, receipts } = this.parts;
    const before = await findByStart(dataSource.manager, customerId, start);
    if (before !== null) return { id: before.id, created: false };
    await customerSince(dataSource.manager, customerId);
    if (start.getTime() > this.parts.clock.now()) throw new ApexError('period_in_future', 400, 'The period has not begun.', { param: 'periodStart' });
    await this.checkDue(dataSource.manager, await this.duePeriod(dataSource.manager, customerId, start));
    await receipts.sealNow(customerId);
    failpoint('statement.sealed');
    const outcome = await dataSource.transaction((manager) => this.closeIn(manager, customerId, start, actor));
    failpoint('statement.committed');
    return outcome;
  }

  private async closeIn(manager: EntityManager, customerId: string, start: Date, actor: string): Promise<{ readonly id: Uuid; readonly created: boolean }> {
    const [lock] = await manager.query<Array<{ got: boolean }>>(`select pg_try_advisory_xact_lock(hashtextextended('apex:statement:' || $1, 0)) as got`, [customerId]);
    if (lock?.got !== true) throw new ApexError('statement_being_closed', 409, 'Another process is closing a statement of this customer.');
    // Asked again: who held the lock before may have closed it.
    const existing = await findByStart(manager, customerId, start);
    if (existing !== null) return { id: existing.id, created: false };
    const period = await this.duePeriod(manager, customerId, start);
    const document = await this.make(manager, customerId, period, await lastStatement(manager, customerId), newId(), new Date(this.parts.clock.now()));
    const hash = statementHash(document);
    await insertStatement(manager, document, hash);
    failpoint('statement.stored');
    const charges = chargesOf(document);
    if (charges.length > 0) await insertCharges(manager, document, hash, charges);
    failpoint('statement.charged');
    const lines = postingsOf(document, await isFeeInvoiced(manager, customerId, period));
    if (lines.length > 0) await this.parts.ledger.post(manager, { customerId, kind: 'statement', sourceId: document.id, occurredAt: period.end, memo: `Statement ${document.period.start} to ${document.period.end}`, lines });
    failpoint('statement.posted');
    await this.parts.audit.record({ actor, action: 'statement.close', target: `customer:${customerId}`, after: { statementId: document.id, periodStart: document.period.start, hash, chargedCents: document.invoice.chargedCents } }, manager);
    failpoint('statement.audited');
    return { id: document.id, created: true };
  }

  /** The open period that begins at `start`. */
  private async duePeriod(manager: EntityManager, customerId: string, start: Date): Promise<BillingPeriod> {
    const previous = await lastStatement(manager, customerId);
    const next = await this.nextPeriod(manager, customerId, previous);
    if (start.getTime() === next.start.getTime()) return next;
    if (start.getTime() < next.end.getTime()) throw invalid(`The period that is open begins at ${next.start.toISOString()}.`, 'periodStart');
    throw new ApexError('earlier_period_open', 409, `The period that begins at ${next.start.toISOString()} is to be closed first.`);
  }

  private async checkDue(manager: EntityManager, period: BillingPeriod): Promise<void> {
    const due = closesAt(period);
    if (this.parts.clock.now() < due.getTime()) throw new ApexError('period_open', 409, `The period can be closed from ${due.toISOString()} on.`);
    // A clock that jumped ahead must not close what is not over: a statement cannot be opened again.
    const [store] = await manager.query<Array<{ due: boolean }>>('select now() >= $1 as due', [due]);
    if (store?.due !== true) throw new ApexError('clock_ahead', 503, 'This machine’s clock is ahead of the database’s.', { severity: 'operational' });
  }

  private async nextPeriod(manager: EntityManager, customerId: string, previous: PreviousStatement | null): Promise<BillingPeriod> {
    const { billingAnchorDay } = await this.parts.terms.termsOf(customerId, manager);
    return previous === null ? firstPeriod(await customerSince(manager, customerId), billingAnchorDay) : periodFrom(new Date(previous.document.period.end), billingAnchorDay);
  }

  private async make(manager: EntityManager, customerId: string, period: BillingPeriod, previous: PreviousStatement | null, id: Uuid, closedAt: Date | null): Promise<StatementDocument> {
    const tier = await tierInPeriod(manager, customerId, period);
    const terms = statedTerms(await this.parts.terms.termsOf(customerId, manager, ...(tier === null ? [] : [tier])));
    const head = await this.parts.receipts.head(manager, customerId);
    const builder = new StatementBuilder(customerId, period, previous, terms.vbpBilled);
    const range = { customerId, from: builder.from, to: period.end, afterSeq: builder.afterSeq, toSeq: head.seq };
    for await (const sealed of this.parts.receipts.between(manager, range)) builder.add(sealed);
    return builder.finish({
      id,
      closedAt,
      chain: { to: head.seq, head: head.hash },
      terms,
      months: this.secretsOf(customerId, builder.from, period.end),
      controlPpmOf: await controlShares(manager, builder.policies()),
      bvm: [],
      passThrough: await passThroughOf(manager, customerId, period, previous?.document ?? null),
      creditPd: await creditOf(manager, customerId),
    });
  }

  private secretsOf(customerId: string, from: Date, end: Date): MonthSecret[] {
    const { policies, clock } = this.parts;
    const months: MonthSecret[] = [];
    for (let month = periodAt(from.getTime()); month.fromMs < end.getTime(); month = periodAt(month.toMs)) {
      const secret = policies.secretAt(customerId, month.fromMs);
      months.push({ month: month.name, secretHash: secret === null ? null : secretHash(secret), secret: secret === null || month.toMs > clock.now() ? null : secret.toString('hex') });
    }
    return months;
  }
}

/** @throws ApexError 404 */
async function customerSince(manager: EntityManager, customerId: string): Promise<Date> {
  const [customer] = await manager.query<Array<{ created_at: Date }>>('select created_at from customers where id = $1', [customerId]);
  if (customer === undefined) throw new ApexError('unknown_customer', 404, `There is no customer ${customerId}.`);
  return customer.created_at;
}

async function controlShares(manager: EntityManager, policies: readonly Uuid[]): Promise<Map<Uuid, number>> {
  const rows = await manager.query<Array<{ id: Uuid; share: number }>>(`select id, (document #>> '{experiment,controlPpm}')::int as share from policies where id = any($1)`, [policies]);
  return new Map(rows.map(({ id, share }) => [id, share]));
}

const statedTerms = ({ tier, platformFeePd, vbpRatePpm, vbpBilled, billingAnchorDay }: Terms): StatementDocument['terms'] => ({ tier, platformFeePicodollars: String(platformFeePd), vbpRatePpm, vbpBilled, billingAnchorDay });
