import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { firstIdAt, FakeClock, idTime, type Uuid } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { closedRequest } from '../test/rows.js';
import { TemporaryHome } from '../test/temporary-home.js';
import { ExperimentAccumulator } from './core/experiment/accumulator.js';
import { receiptInputs } from './core/savings/receipt.fakes.js';
import { computeReceipt } from './core/savings/receipt.js';
import { type ReceiptInputs } from './core/savings/receipt.types.js';
import { type ExperimentPeriod, Experiments } from './experiments.service.js';
import { Receipts } from './receipts.service.js';

const NOVEMBER = Date.UTC(2026, 10);
const DECEMBER = Date.UTC(2026, 11);
const JANUARY = Date.UTC(2027, 0);
const periodAt = (ms: number): ExperimentPeriod => {
  const date = new Date(ms);
  const fromMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  return { name: new Date(fromMs).toISOString().slice(0, 7), fromMs, toMs: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) };
};

// Real: Postgres, the journal.
describe('experiments', () => {
  let database: TestDatabase;
  let home: TemporaryHome;
  let receipts: Receipts;
  let experiments: Experiments;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    home = new TemporaryHome();
    receipts = new Receipts(database.dataSource, new FakeClock(JANUARY));
    experiments = new Experiments(database.dataSource);
  });
  afterAll(async () => {
    await database.drop();
    await home.remove();
    Logger.overrideLogger(new Logger());
  });

  let serial = 0;
  const idAt = (ms: number): Uuid => `${firstIdAt(ms).slice(0, 14)}7000-8000-${(serial++).toString(16).padStart(12, '0')}`;

  /** One request per instant, of one of seven conversations; a conversation that goes on in another month may change its arm. */
  async function record(customerId: string, instants: readonly number[]): Promise<Uuid[]> {
    const service = await home.open(database.dataSource);
    await service.start();
    const samples = fc.sample(receiptInputs, { numRuns: instants.length, seed: 5 });
    const made = instants.map((ms, index) => {
      const cluster = `c${index % 7}`;
      const arm = (index % 7) + (ms < DECEMBER ? 0 : 1) < 3 ? 'control' : 'treated';
      const inputs: ReceiptInputs = { ...samples[index]!, cluster, arm, steps: arm === 'control' ? [] : samples[index]!.steps };
      return computeReceipt(idAt(ms), customerId, inputs);
    });
    for (const receipt of made) {
      const { record: row, attempts } = closedRequest({ request_id: receipt.requestId, customer_id: customerId });
      await new Promise<void>((resolve, reject) => service.recorder.close(row, attempts, (error) => (error === undefined ? resolve() : reject(error)), receipt));
    }
    await service.flush();
    await service.stop();
    return made.map(({ requestId }) => requestId);
  }

  /** The same from the receipts one by one. */
  async function oneByOne(customerId: string, from: number, to: number): Promise<ExperimentAccumulator> {
    const pooled = new ExperimentAccumulator();
    for await (const { current } of receipts.between(customerId, new Date(from), new Date(to))) {
      const { requestId, actualPd, inputs } = current;
      pooled.add(periodAt(idTime(requestId)).name, { requestId, cluster: inputs.cluster, arm: inputs.arm, covariates: inputs.covariates, actualPd });
    }
    return pooled;
  }

  it('are what their receipts say, with what was learned later, each period apart', async () => {
    const ids = await record('acme', Array.from({ length: 60 }, (_, index) => DECEMBER - 30_000 + index * 1_000));
    await record('other', [DECEMBER]);
    // Of openings and of later requests, of treated ones and controls.
    for (const [index, id] of ids.entries()) {
      if (index % 5 === 0) await receipts.adjust('acme', id, { kind: 'spent', spending: { kind: 'judge', id: 'j', costPd: 1_000 + index } }, 'test');
      if (index % 9 === 0) await receipts.adjust('acme', id, { kind: 'void', reason: 'rejected' }, 'test');
    }
    for (const [from, to, clusters] of [
      [0, JANUARY * 2, 14],
      [NOVEMBER, DECEMBER, 7],
      [DECEMBER, JANUARY, 7],
      [DECEMBER - 3_000, DECEMBER + 2_000, 5],
    ] as const) {
      const found = await experiments.between('acme', new Date(from), new Date(to), periodAt);
      expect([...found.clusters()]).toHaveLength(clusters);
      expect([...found.clusters()]).toEqual([...(await oneByOne('acme', from, to)).clusters()]);
    }
    const one = await experiments.between('other', new Date(0), new Date(JANUARY), periodAt);
    expect([...one.clusters()]).toHaveLength(1);
  });

  it('are empty where nothing was recorded', async () => {
    expect([...(await experiments.between('nobody', new Date(0), new Date(JANUARY), periodAt)).clusters()]).toEqual([]);
    expect([...(await experiments.between('acme', new Date(JANUARY), new Date(JANUARY), periodAt)).clusters()]).toEqual([]);
  });
});
