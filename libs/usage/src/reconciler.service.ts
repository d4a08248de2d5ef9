import { assertExact, firstIdAt, isUuid, newId, type Uuid } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { addFacts } from './adapters/receipt-facts.js';
import { type Difference, type Disagreement, type ExportRow, judge, type KnownAttempt, type ReconciledPrice } from './core/reconciliation.js';
import { type AttemptStatus, type TokenUsage } from './core/usage.types.js';

export interface ReconcileInput {
  readonly provider: string;
  readonly rows: readonly ExportRow[];
  /** Who asked, as the audit log names people. */
  readonly actor: string;
  /** With both: our billed attempts begun in [from, to) that the export lacks are differences too. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** What an attempt costs at `atMs`, its request's start: the same function that priced the other records. */
  readonly price: (provider: string, model: string, usage: TokenUsage, atMs: number) => ReconciledPrice;
  /** Writes what belongs to it, such as an audit entry, in the same transaction, last. */
  readonly alongside?: (report: ReconcileReport, transaction: EntityManager) => Promise<void>;
}

export interface ReconcileCounts {
  readonly rows: number;
  /** Lines with an attempt id that an earlier line had; they are ignored. */
  readonly duplicates: number;
  /** Final and failed attempts whose counts are equal. */
  readonly agreeing: number;
  /** Unknown attempts that are known now. */
  readonly settled: number;
  /** Of those, the ones that no price is known for. */
  readonly settledUnpriced: number;
  readonly alreadySettled: number;
  readonly usageDiffers: number;
  readonly unknownHere: number;
  readonly missingThere: number;
  /** Unknown attempts of the period, without one of all time, that neither this export nor an earlier one settled. */
  readonly stillUnknown: number;
}

export interface ReconcileReport {
  readonly id: Uuid;
  readonly provider: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly counts: ReconcileCounts;
  /** The first thousand. */
  readonly differences: readonly Difference[];
  readonly truncated: boolean;
}

interface AttemptState {
  readonly attempt_id: Uuid;
  readonly request_id: Uuid;
  readonly customer_id: string;
  readonly status: AttemptStatus;
  readonly model: string | null;
  readonly settled: boolean;
  readonly started_at: Date;
  readonly prompt_tokens: string;
  readonly cached_tokens: string;
  readonly cache_write_tokens: string;
  readonly completion_tokens: string;
  readonly reasoning_tokens: string;
}

const CHUNK = 2_000;
const MAX_DIFFERENCES = 1_000;

/** Attempts with what is known of them now. Partitions are found by the ids. */
const STATES = `
  select a.attempt_id, a.request_id, a.customer_id, a.status, a.model, j.id is not null as settled,
    coalesce(r.started_at, a.started_at) as started_at,
    a.prompt_tokens + coalesce(j.prompt_tokens, 0) as prompt_tokens,
    a.cached_tokens + coalesce(j.cached_tokens, 0) as cached_tokens,
    a.cache_write_tokens + coalesce(j.cache_write_tokens, 0) as cache_write_tokens,
    a.completion_tokens + coalesce(j.completion_tokens, 0) as completion_tokens,
    a.reasoning_tokens + coalesce(j.reasoning_tokens, 0) as reasoning_tokens
  from attempts a
  left join usage_adjustments j on j.attempt_id = a.attempt_id
  left join usage_records r on r.request_id = a.request_id
  where a.attempt_id = any ($1::uuid[]) and a.provider = $2`;

const ADJUSTMENT_COLUMNS = `id, request_id, attempt_id, customer_id, reconciliation_id, prompt_tokens, cached_tokens, cache_write_tokens,
  completion_tokens, reasoning_tokens, cost_pd, pricing, price_version`;

const SETTLE = `
  insert into usage_adjustments (${ADJUSTMENT_COLUMNS})
  select ${ADJUSTMENT_COLUMNS} from json_populate_recordset(null::usage_adjustments, $1::json)
  on conflict (attempt_id) do nothing`;

/** What settled attempts cost, where it is known. */
const SETTLED = `select attempt_id, request_id, customer_id, cost_pd from usage_adjustments where attempt_id = any ($1::uuid[]) and pricing = 'priced' and cost_pd > 0`;

/** What our books say was billed in a period and an export does not mention. */
const MISSING_THERE = `
  from attempts a
  where a.provider = $1 and a.attempt_id >= $2 and a.attempt_id < $3
    and a.status = 'final' and a.prompt_tokens + a.completion_tokens > 0
    and not exists (select from unnest($4::uuid[]) mentioned (id) where mentioned.id = a.attempt_id)`;

const STILL_UNKNOWN = `
  select count(*)::int as count from attempts a
  where a.provider = $1 and a.attempt_id >= $2 and a.attempt_id < $3 and a.status in ('aborted', 'interrupted')
    and not exists (select from usage_adjustments j where j.attempt_id = a.attempt_id)`;

/** Holds a provider's own account of what it served against ours, and settles what we could not know. */
export class Reconciler {
  /** @param flush brings what this process has journalled into the tables */
  constructor(
    private readonly dataSource: DataSource,
    private readonly flush: () => Promise<void>,
  ) {}

  /**
   * Settles unknown attempts by adjustments, tells the receipts of their requests, lists all other disagreements, and files a `reconciliations` row: all of
   * it or nothing. Records are never changed, and the same export given again settles nothing more.
   */
  async reconcile(input: ReconcileInput): Promise<ReconcileReport> {
    await this.flush();
    return this.dataSource.transaction(async (transaction) => {
      // One at a time, so that each sees the adjustments of the one before.
      await transaction.query(`select pg_advisory_xact_lock(hashtext('apex:reconcile'))`);
      const report = await new Reconciliation(input, transaction).run();
      await input.alongside?.(report, transaction);
      return report;
    });
  }
}

class Reconciliation {
  private readonly id = newId();
  private readonly differences: Difference[] = [];
  private readonly found = { usage_differs: 0, unknown_here: 0 };
  private agreeing = 0;
  private settled = 0;
  private settledUnpriced = 0;
  private alreadySettled = 0;

  constructor(
    private readonly input: ReconcileInput,
    private readonly transaction: EntityManager,
  ) {}

  async run(): Promise<ReconcileReport> {
    const { rows, provider, actor, from, to } = this.input;
    const byId = new Map<string, ExportRow>();
    for (const row of rows) {
      const attemptId = row.attemptId.toLowerCase();
      if (!byId.has(attemptId)) byId.set(attemptId, { ...row, attemptId });
    }
    const distinct = [...byId.values()];
    for (let start = 0; start < distinct.length; start += CHUNK) await this.compare(distinct.slice(start, start + CHUNK));
    const unmentioned = await this.compareUnmentioned([...byId.keys()].filter(isUuid));
    const counts: ReconcileCounts = {
      rows: rows.length,
      duplicates: rows.length - distinct.length,
      agreeing: this.agreeing,
      settled: this.settled,
      settledUnpriced: this.settledUnpriced,
      alreadySettled: this.alreadySettled,
      usageDiffers: this.found.usage_differs,
      unknownHere: this.found.unknown_here,
      missingThere: unmentioned.missing,
      stillUnknown: unmentioned.unknown,
    };
    const differing = counts.usageDiffers + counts.unknownHere + counts.missingThere;
    const truncated = differing > this.differences.length;
    await this.transaction.query(`insert into reconciliations (id, provider, actor, period_from, period_to, summary) values ($1, $2, $3, $4, $5, $6)`, [
      this.id,
      provider,
      actor,
      from ?? null,
      to ?? null,
      JSON.stringify({ counts, differences: this.differences, truncated }),
    ]);
    return { id: this.id, provider, from: from?.toISOString() ?? null, to: to?.toISOString() ?? null, counts, differences: this.differences, truncated };
  }

  private async compare(rows: readonly ExportRow[]): Promise<void> {
    const ids = rows.map(({ attemptId }) => attemptId).filter(isUuid);
    const states = await this.transaction.query<AttemptState[]>(STATES, [ids, this.input.provider]);
    const known = new Map(states.map((state) => [state.attempt_id, state]));
    const adjustments: object[] = [];
    for (const row of rows) {
      const state = known.get(row.attemptId);
      const verdict = judge(row, state && knownAttempt(state));
      switch (verdict.kind) {
        case 'agrees':
          this.agreeing += 1;
          break;
        case 'already_settled':
          this.alreadySettled += 1;
          break;
        case 'settle':
          if (state) adjustments.push(this.adjustment(state, row, verdict.usage));
          break;
        case 'differs':
          this.tell(verdict.difference);
          break;
      }
    }
    if (adjustments.length > 0) await this.transaction.query(SETTLE, [JSON.stringify(adjustments)]);
    await this.tellReceipts(states.filter(({ status }) => status === 'aborted' || status === 'interrupted').map(({ attempt_id: id }) => id));
  }

  /**
   * What an attempt is known to have cost was spent on its request: its receipt says so from now on. Also of attempts that
   * were settled earlier: a receipt that should have been told then is told now, and one that was is told nothing new.
   */
  private async tellReceipts(attempts: readonly Uuid[]): Promise<void> {
    if (attempts.length === 0) return;
    const settled = await this.transaction.query<Array<{ attempt_id: Uuid; request_id: Uuid; customer_id: string; cost_pd: string }>>(SETTLED, [attempts]);
    await addFacts(
      this.transaction,
      settled.map(({ attempt_id: id, request_id: requestId, customer_id: customerId, cost_pd: costPd }) => ({ requestId, customerId, fact: { kind: 'spent', spending: { kind: 'attempt', id, costPd: Number(costPd) } }, actor: this.input.actor })),
    );
  }

  private adjustment(state: AttemptState, row: ExportRow, usage: TokenUsage): object {
    const price = this.priceOf(state, row, usage);
    this.settled += 1;
    if (price.pricing === 'unpriced') this.settledUnpriced += 1;
    return {
      id: newId(),
      request_id: state.request_id,
      attempt_id: state.attempt_id,
      customer_id: state.customer_id,
      reconciliation_id: this.id,
      prompt_tokens: usage.promptTokens,
      cached_tokens: usage.cachedTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      completion_tokens: usage.completionTokens,
      reasoning_tokens: usage.reasoningTokens,
      cost_pd: price.pricing === 'priced' ? assertExact(price.costPicodollars) : 0,
      pricing: price.pricing,
      price_version: price.priceVersion,
    };
  }

  private priceOf(state: AttemptState, row: ExportRow, usage: TokenUsage): ReconciledPrice {
    if (row.billed === false) return { pricing: 'priced', costPicodollars: 0, priceVersion: null };
    const model = state.model ?? row.model;
    if (!model) return { pricing: 'unpriced', priceVersion: null };
    return this.input.price(this.input.provider, model, usage, state.started_at.getTime());
  }

  private async compareUnmentioned(mentioned: readonly Uuid[]): Promise<{ missing: number; unknown: number }> {
    const { provider, from, to } = this.input;
    const period = [provider, firstIdAt(from?.getTime() ?? 0), to ? firstIdAt(to.getTime()) : LAST_ID];
    const [unknown] = await this.transaction.query<Array<{ count: number }>>(STILL_UNKNOWN, period);
    let missing = 0;
    if (from && to) {
      const [counted] = await this.transaction.query<Array<{ count: number }>>(`select count(*)::int as count ${MISSING_THERE}`, [...period, mentioned]);
      const states = await this.transaction.query<AttemptState[]>(`select a.* ${MISSING_THERE} order by a.attempt_id limit $5`, [...period, mentioned, MAX_DIFFERENCES - this.differences.length]);
      missing = counted?.count ?? 0;
      for (const state of states) {
        const { attemptId, usage, status } = knownAttempt(state);
        this.differences.push({ kind: 'missing_there', attemptId, ours: { ...usage, status } });
      }
    }
    return { missing, unknown: unknown?.count ?? 0 };
  }

  private tell(difference: Disagreement): void {
    this.found[difference.kind] += 1;
    if (this.differences.length < MAX_DIFFERENCES) this.differences.push(difference);
  }
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

const knownAttempt = (state: AttemptState): KnownAttempt => ({
  attemptId: state.attempt_id,
  status: state.status,
  settled: state.settled,
  usage: {
    promptTokens: Number(state.prompt_tokens),
    cachedTokens: Number(state.cached_tokens),
    cacheWriteTokens: Number(state.cache_write_tokens),
    completionTokens: Number(state.completion_tokens),
    reasoningTokens: Number(state.reasoning_tokens),
  },
});
