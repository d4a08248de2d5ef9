import { firstIdAt, idTime, type Uuid } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { adjustedReceipts, type ReceiptRange } from './adapters/adjusted-receipts.js';
import { ExperimentAccumulator } from './core/experiment/accumulator.js';
import { type Arm, type Covariates } from './core/savings/receipt.types.js';

/** A span with one secret, half-open. */
export interface ExperimentPeriod {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

interface ClusterRow {
  readonly cluster: string;
  readonly requests: number;
  readonly controls: number;
  readonly actual: string;
  readonly opening: Uuid;
  readonly arm: Arm;
  readonly covariates: Covariates;
}

const PAGE = 5_000;

/** A row for each cluster, of receipts that nothing was learned about later. $1 customer, $2 from, $3 to. */
const CLUSTERS = `
  with totals as (
    select cluster, count(*)::int as requests, (count(*) filter (where arm = 'control'))::int as controls, sum(actual_pd) as actual, min(request_id::text) as opening
    from receipts r
    where customer_id = $1 and request_id >= $2 and request_id < $3 and not exists (select from receipt_adjustments a where a.request_id = r.request_id)
    group by cluster
  )
  select totals.*, opened.arm, opened.inputs -> 'covariates' as covariates from totals join receipts opened on opened.request_id = totals.opening::uuid`;

/** The randomised experiment as the stored receipts have it: every assigned request at its full A, void ones included. */
export class Experiments {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * What a customer's requests of [from, to) add up to, by cluster; each of the periods that they fall into has its own
   * assignment. Memory grows with clusters, not with requests.
   * @param periodAt the period that an instant is in
   */
  between(customerId: string, from: Date, to: Date, periodAt: (ms: number) => ExperimentPeriod): Promise<ExperimentAccumulator> {
    // Of one moment: a receipt that something is learned about meanwhile must not count twice.
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      const pooled = new ExperimentAccumulator();
      const range: ReceiptRange = { customerId, from: firstIdAt(from.getTime()), to: firstIdAt(to.getTime()) };
      const ends = await requestsAtEnds(manager, range);
      if (ends === null) return pooled;
      for (let period = periodAt(ends.firstMs); period.fromMs <= ends.lastMs; period = periodAt(period.toMs)) {
        const slice = { customerId, from: firstIdAt(Math.max(period.fromMs, from.getTime())), to: firstIdAt(Math.min(period.toMs, to.getTime())) };
        await accumulate(manager, period.name, slice, pooled);
      }
      return pooled;
    });
  }
}

/** When the range's first and last requests came: spans without any are not looked at. */
async function requestsAtEnds(manager: EntityManager, { customerId, from, to }: ReceiptRange): Promise<{ firstMs: number; lastMs: number } | null> {
  const end = (order: 'asc' | 'desc'): string => `(select request_id from receipts where customer_id = $1 and request_id >= $2 and request_id < $3 order by request_id ${order} limit 1)`;
  const [ends] = await manager.query<Array<{ first: Uuid | null; last: Uuid | null }>>(`select ${end('asc')} as first, ${end('desc')} as last`, [customerId, from, to]);
  return ends?.first == null || ends.last === null ? null : { firstMs: idTime(ends.first), lastMs: idTime(ends.last) };
}

async function accumulate(manager: EntityManager, period: string, range: ReceiptRange, experiment: ExperimentAccumulator): Promise<void> {
  await manager.query(`declare clusters no scroll cursor for ${CLUSTERS}`, [range.customerId, range.from, range.to]);
  for (let page = PAGE; page === PAGE; ) {
    const rows = await manager.query<ClusterRow[]>(`fetch ${PAGE} from clusters`);
    for (const { cluster, requests, controls, actual, opening, arm, covariates } of rows) experiment.addTotals(period, cluster, { requests, controlRequests: controls, actualPd: BigInt(actual), opening: { requestId: opening, arm, covariates } });
    page = rows.length;
  }
  await manager.query('close clusters');
  for await (const { requestId, actualPd, inputs } of adjustedReceipts(manager, range)) experiment.add(period, { requestId, cluster: inputs.cluster, arm: inputs.arm, covariates: inputs.covariates, actualPd });
}
