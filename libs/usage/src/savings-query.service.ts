import { type Clock, firstIdAt } from '@apex/common';
import { type DataSource } from 'typeorm';
import { adjustedReceipts } from './adapters/adjusted-receipts.js';
import { type ClaimedSavings } from './core/experiment/billed.js';
import { type Arm, type Mechanism, MECHANISMS, type Receipt } from './core/savings/receipt.types.js';

/** Sums over receipts with what was learned about them later. Amounts are decimal strings of picodollars. */
export interface SavingsSums {
  readonly receipts: number;
  readonly void: number;
  readonly baselinePicodollars: string;
  readonly actualPicodollars: string;
  /** The net saving: of billable receipts B - A, of void ones what they cost. */
  readonly savingPicodollars: string;
  readonly overheadPicodollars: string;
  /** What each mechanism is credited with on billable receipts. */
  readonly mechanisms: Readonly<Record<Mechanism, { readonly receipts: number; readonly savingPicodollars: string }>>;
}

export interface SavingsSummary {
  readonly from: string;
  readonly to: string;
  readonly total: SavingsSums;
  readonly arms: Readonly<Record<Arm, SavingsSums>>;
  readonly models: ReadonlyArray<SavingsSums & { readonly model: string }>;
}

const DEFAULT_PERIOD_MS = 30 * 86_400_000;

interface Cell {
  receipts: bigint;
  void: bigint;
  baseline: bigint;
  actual: bigint;
  saving: bigint;
  overhead: bigint;
  readonly mechanisms: Map<Mechanism, { receipts: bigint; saving: bigint }>;
}

type CellRow = Readonly<Record<string, string>> & { readonly arm: Arm; readonly requested_model: string };

/** Sums where nothing was learned later: one pass in Postgres. $1 customer, $2 from, $3 to. */
const UNADJUSTED = `
  select arm, requested_model, count(*) as receipts, count(*) filter (where status = 'void') as void,
    sum(baseline_pd) as baseline, sum(actual_pd) as actual, sum(saving_pd) as saving, sum(overhead_pd) as overhead,
    ${MECHANISMS.map((one) => `count(*) filter (where status = 'billable' and shares ? '${one}') as "${one} receipts", coalesce(sum((shares ->> '${one}')::bigint) filter (where status = 'billable'), 0) as "${one} saving"`).join(',\n    ')}
  from receipts r
  where customer_id = $1 and request_id >= $2 and request_id < $3 and not exists (select from receipt_adjustments a where a.request_id = r.request_id)
  group by arm, requested_model`;

/** What a customer's receipts add up to. Exact. */
export class SavingsQuery {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  async summarize({ customerId, from, to }: { readonly customerId: string; readonly from?: Date; readonly to?: Date }): Promise<SavingsSummary> {
    const end = to ?? new Date(this.clock.now());
    const start = from ?? new Date(end.getTime() - DEFAULT_PERIOD_MS);
    const range = { customerId, from: firstIdAt(start.getTime()), to: firstIdAt(end.getTime()) };
    const cells = new Map<string, { readonly arm: Arm; readonly model: string; readonly cell: Cell }>();
    const cellOf = (arm: Arm, model: string): Cell => {
      const name = `${arm} ${model}`;
      let found = cells.get(name);
      if (found === undefined) cells.set(name, (found = { arm, model, cell: emptyCell() }));
      return found.cell;
    };
    // Of one moment: a receipt that something is learned about meanwhile must not count in both.
    await this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      for (const row of await manager.query<CellRow[]>(UNADJUSTED, [range.customerId, range.from, range.to])) addRow(cellOf(row.arm, row.requested_model), row);
      for await (const receipt of adjustedReceipts(manager, range)) addReceipt(cellOf(receipt.inputs.arm, receipt.inputs.requestedModel), receipt);
    });

    const all = [...cells.values()];
    const models = [...new Set(all.map(({ model }) => model))].sort();
    const over = (picked: typeof all): SavingsSums => sumsOf(picked.map(({ cell }) => cell));
    return {
      from: start.toISOString(),
      to: end.toISOString(),
      total: over(all),
      arms: { treated: over(all.filter(({ arm }) => arm === 'treated')), control: over(all.filter(({ arm }) => arm === 'control')) },
      models: models.map((model) => ({ model, ...over(all.filter((one) => one.model === model)) })),
    };
  }
}

/** What a summary's receipts claim, as the rule of what is billed takes it. */
export const claimedSavings = ({ total: { savingPicodollars, mechanisms } }: SavingsSummary): ClaimedSavings => ({
  savingPd: BigInt(savingPicodollars),
  losslessPd: BigInt(mechanisms.exact_cache.savingPicodollars) + BigInt(mechanisms.prompt_cache.savingPicodollars),
});

const emptyCell = (): Cell => ({ receipts: 0n, void: 0n, baseline: 0n, actual: 0n, saving: 0n, overhead: 0n, mechanisms: new Map() });

function addRow(cell: Cell, row: CellRow): void {
  const amount = (name: string): bigint => BigInt(row[name]!);
  cell.receipts += amount('receipts');
  cell.void += amount('void');
  cell.baseline += amount('baseline');
  cell.actual += amount('actual');
  cell.saving += amount('saving');
  cell.overhead += amount('overhead');
  for (const mechanism of MECHANISMS) credit(cell, mechanism, amount(`${mechanism} receipts`), amount(`${mechanism} saving`));
}

function addReceipt(cell: Cell, receipt: Receipt): void {
  cell.receipts += 1n;
  if (receipt.status === 'void') cell.void += 1n;
  cell.baseline += BigInt(receipt.baselinePd);
  cell.actual += BigInt(receipt.actualPd);
  cell.saving += BigInt(receipt.savingPd);
  cell.overhead += BigInt(receipt.overheadPd);
  if (receipt.status !== 'billable') return;
  for (const mechanism of MECHANISMS) {
    const share = receipt.shares[mechanism];
    if (share !== undefined) credit(cell, mechanism, 1n, BigInt(share));
  }
}

function credit(cell: Cell, mechanism: Mechanism, receipts: bigint, saving: bigint): void {
  const known = cell.mechanisms.get(mechanism) ?? { receipts: 0n, saving: 0n };
  cell.mechanisms.set(mechanism, { receipts: known.receipts + receipts, saving: known.saving + saving });
}

function sumsOf(cells: readonly Cell[]): SavingsSums {
  const sum = (pick: (cell: Cell) => bigint): bigint => cells.reduce((total, cell) => total + pick(cell), 0n);
  const ofMechanism = (mechanism: Mechanism) => ({
    receipts: Number(sum((cell) => cell.mechanisms.get(mechanism)?.receipts ?? 0n)),
    savingPicodollars: String(sum((cell) => cell.mechanisms.get(mechanism)?.saving ?? 0n)),
  });
  return {
    receipts: Number(sum((cell) => cell.receipts)),
    void: Number(sum((cell) => cell.void)),
    baselinePicodollars: String(sum((cell) => cell.baseline)),
    actualPicodollars: String(sum((cell) => cell.actual)),
    savingPicodollars: String(sum((cell) => cell.saving)),
    overheadPicodollars: String(sum((cell) => cell.overhead)),
    mechanisms: { compression: ofMechanism('compression'), prompt_cache: ofMechanism('prompt_cache'), routing: ofMechanism('routing'), semantic_cache: ofMechanism('semantic_cache'), exact_cache: ofMechanism('exact_cache') },
  };
}
