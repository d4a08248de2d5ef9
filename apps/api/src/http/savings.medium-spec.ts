import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { authEntities, AuthModule, DemoSeeder } from '@apex/auth';
import { Clock, firstIdAt, newId, SystemClock } from '@apex/common';
import { DatabaseModule } from '@apex/database';
import { ActivePolicies } from '@apex/policy';
import { QueueModule } from '@apex/queue';
import { type Arm, computeReceipt, type QuotedRates, type Receipt, type ReceiptInputs, UsageModule } from '@apex/usage';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { AdminCustomersController } from './admin-customers.controller.js';
import { SavingsController } from './savings.controller.js';
import { ApexErrorFilter } from './support/apex-error.filter.js';

const SECRET = Buffer.from('the secret of a test');

@Global()
@Module({
  providers: [
    { provide: Clock, useClass: SystemClock },
    { provide: ActivePolicies, useValue: { secretAt: () => SECRET } },
  ],
  exports: [Clock, ActivePolicies],
})
class SurroundingsModule {}

const RATES: QuotedRates = { input: 10, cacheRead: null, cacheWrite: null, output: 10, reasoning: null, request: 0, denominator: 1, priceVersion: '2026-11-01' };
const CONVERSATIONS = 400;

interface Savings {
  readonly total: { readonly savingPicodollars: string };
  readonly experiment: Readonly<Record<string, unknown>> & { readonly billedPicodollars: string; readonly deniedPicodollars: string; readonly halfWidthShare: number; readonly interval: { readonly lowPicodollars: string; readonly highPicodollars: string } };
}

/** The real guard, filter, controller and Postgres. */
describe('savings over HTTP', () => {
  let database: TestDatabase;
  let home: string;
  let app: INestApplication;
  let base: string;
  const keys: Record<string, string> = {};

  const savings = async (customer: string): Promise<Savings> => {
    const response = await fetch(`${base}/api/savings`, { headers: { authorization: `Bearer ${keys[customer]}` } });
    expect(response.status).toBe(200);
    return (await response.json()) as Savings;
  };

  const store = (rows: readonly Receipt[]): Promise<unknown> => {
    const stored = rows.map((one) => ({ request_id: one.requestId, customer_id: one.customerId, inputs: one.inputs, baseline_pd: one.baselinePd, actual_pd: one.actualPd, saving_pd: one.savingPd, shares: one.shares, overhead_pd: one.overheadPd, status: one.status, reason: one.reason }));
    return database.dataSource.query(
      `insert into receipts (request_id, customer_id, inputs, baseline_pd, actual_pd, saving_pd, shares, overhead_pd, status, reason)
       select request_id, customer_id, inputs, baseline_pd, actual_pd, saving_pd, shares, overhead_pd, status, reason from jsonb_populate_recordset(null::receipts, $1::jsonb)`,
      [JSON.stringify(stored)],
    );
  };

  /**
   * Conversations of two requests; every second conversation is held out, every second request of a treated one is a hit. A
   * receipt's baseline is `inflation` times what the request would have cost.
   */
  async function record(customerId: string, inflation: number): Promise<{ saved: number; lost: number }> {
    let [saved, lost] = [0, 0];
    const rows = [];
    for (let index = 0; index < 2 * CONVERSATIONS; index++) {
      const conversation = index >> 1;
      const arm: Arm = conversation % 2 === 0 ? 'control' : 'treated';
      const hit = arm === 'treated' && index % 2 === 1;
      // Both arms have the same requests.
      const tokens = 1_000 + 37 * ((conversation >> 1) % 11) + (index % 2);
      const usage = { promptTokens: tokens * (hit ? inflation : 1), cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };
      if (hit) saved += tokens * RATES.input!;
      else if (arm === 'control' && index % 2 === 1) lost += tokens * RATES.input!;
      rows.push(
        computeReceipt(newId(), customerId, {
          v: 1,
          provider: 'openai',
          requestedModel: 'gpt-4o-mini',
          servedModel: hit ? null : 'gpt-4o-mini',
          arm,
          cluster: String(conversation),
          covariates: { promptCostPd: 1_000, requestedModel: 'gpt-4o-mini', maxTokens: null },
          policyId: newId(),
          policyVersion: 1,
          baseline: { usage, rates: RATES },
          lengthRatioPpm: 1_000_000,
          steps: hit ? [{ mechanism: 'semantic_cache', usage: { ...usage, promptTokens: 0 }, rates: null }] : [],
          spent: hit ? [] : [{ kind: 'attempt', id: newId(), costPd: tokens * RATES.input! }],
          voidReason: null,
        }),
      );
    }
    await store(rows);
    return { saved, lost };
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'apex-savings-http-'));
    const module = await Test.createTestingModule({
      imports: [
        SurroundingsModule,
        DatabaseModule.forRoot({ url: database.url, entities: authEntities, migrations: [], poolSize: 4 }),
        QueueModule.forRoot({ url: null }),
        UsageModule.forRoot({ home, sync: 'second' }),
        AuthModule.forRoot({ home, platformKeys: {} }),
      ],
      controllers: [SavingsController, AdminCustomersController],
    }).compile();
    app = module.createNestApplication({ logger: false });
    app.useGlobalFilters(new ApexErrorFilter());
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
    const { adminToken } = await app.get(DemoSeeder).ensure({ home, baseUrl: base });
    const create = async (path: string, body: unknown): Promise<Record<string, string>> => (await fetch(base + path, { method: 'POST', headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })).json() as Promise<Record<string, string>>;
    for (const id of ['honest', 'inflated', 'silent', 'mine', 'theirs']) {
      await create('/api/admin/customers', { id, name: id });
      keys[id] = (await create(`/api/admin/customers/${id}/keys`, { scopes: ['usage:read', 'inference'] }))['key']!;
    }
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
    await rm(home, { recursive: true });
  });

  it('show what the experiment proves, and bill no more than that', async () => {
    const { saved, lost } = await record('honest', 1);
    const { total, experiment } = await savings('honest');
    expect(total.savingPicodollars).toBe(String(saved));
    expect(experiment).toMatchObject({
      period: new Date().toISOString().slice(0, 7),
      secretHash: hash('sha256', SECRET, 'hex'),
      state: 'proven',
      reason: null,
      arms: { treated: { clusters: CONVERSATIONS / 2, requests: CONVERSATIONS }, control: { clusters: CONVERSATIONS / 2, requests: CONVERSATIONS } },
      clusters: CONVERSATIONS,
      crossedClusters: 0,
      estimatePicodollars: String(saved),
      costOfProofPicodollars: String(lost),
      carriedPicodollars: '0',
      strata: [{ models: ['gpt-4o-mini'], estimatePicodollars: String(saved) }],
    });
    const { interval, halfWidthShare, billedPicodollars, deniedPicodollars } = experiment;
    expect(halfWidthShare).toBeLessThan(0.15);
    expect(Number(interval.lowPicodollars)).toBeLessThan(saved);
    expect(Number(interval.highPicodollars)).toBeGreaterThan(saved);
    expect(billedPicodollars).toBe(interval.lowPicodollars);
    expect(BigInt(billedPicodollars) + BigInt(deniedPicodollars)).toBe(BigInt(saved));
  });

  it('bill the same where receipts claim twice as much', async () => {
    const { saved } = await record('inflated', 2);
    const { total, experiment } = await savings('inflated');
    expect(total.savingPicodollars).toBe(String(2 * saved));
    expect(experiment).toMatchObject({ state: 'proven', estimatePicodollars: String(saved), billedPicodollars: experiment.interval.lowPicodollars });
    expect(BigInt(experiment.billedPicodollars) + BigInt(experiment.deniedPicodollars)).toBe(BigInt(2 * saved));
  });

  describe('and what is said of an answer', () => {
    const usage = { promptTokens: 1_000, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };
    const HIT: ReceiptInputs = {
      v: 1,
      provider: 'openai',
      requestedModel: 'gpt-4o-mini',
      servedModel: null,
      arm: 'treated',
      cluster: 'c',
      covariates: { promptCostPd: 1_000, requestedModel: 'gpt-4o-mini', maxTokens: null },
      policyId: newId(),
      policyVersion: 1,
      baseline: { usage, rates: RATES },
      lengthRatioPpm: 1_000_000,
      steps: [{ mechanism: 'exact_cache', usage, rates: null }],
      spent: [],
      voidReason: null,
    };
    const HOUR_MS = 3_600_000;
    /** Of a request so long from now. */
    const idAt = (ms: number): string => firstIdAt(Date.now() + ms).slice(0, 13) + newId().slice(13);
    const hitOf = async (customerId: string, requestId = newId()): Promise<string> => {
      await store([computeReceipt(requestId, customerId, HIT)]);
      return requestId;
    };
    const feedback = async (customer: string, body: unknown): Promise<{ status: number; code: string | null; changed: boolean | null }> => {
      const response = await fetch(`${base}/api/feedback`, { method: 'POST', headers: { authorization: `Bearer ${keys[customer]}`, 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) });
      const { error, changed } = (await response.json()) as { error?: { code: string }; changed?: boolean };
      return { status: response.status, code: error?.code ?? null, changed: changed ?? null };
    };
    const facts = () => database.dataSource.query<Array<{ request_id: string; customer_id: string; fact: unknown }>>('select request_id, customer_id, fact from receipt_adjustments');

    it('counts once, and takes the saving back', async () => {
      const requestId = await hitOf('mine');
      const told = await Promise.all(Array.from({ length: 8 }, () => feedback('mine', { requestId, verdict: 'rejected' })));
      expect(told.map(({ status }) => status)).toEqual(Array(8).fill(200));
      expect(told.filter(({ changed }) => changed)).toHaveLength(1);
      expect(await facts()).toEqual([{ request_id: requestId, customer_id: 'mine', fact: { kind: 'void', reason: 'rejected' } }]);
      expect((await savings('mine')).total).toMatchObject({ receipts: 1, void: 1, savingPicodollars: '0' });
    });

    it('is not believed of another customer, of an answer that never was, too late, or as junk', async () => {
      const before = await facts();
      const [foreign, late] = [await hitOf('theirs'), await hitOf('mine', idAt(-73 * HOUR_MS))];
      const own = await hitOf('mine', idAt(-71 * HOUR_MS));
      const rejected = 'rejected';
      for (const requestId of [foreign, newId(), idAt(1_000 * HOUR_MS), 'f47ac10b-58cc-4372-a567-0e02b2c3d479']) expect(await feedback('mine', { requestId, verdict: rejected })).toMatchObject({ status: 404, code: 'receipt_not_found' });
      expect(await feedback('mine', { requestId: late, verdict: rejected })).toMatchObject({ status: 409, code: 'feedback_too_late' });
      const junk: unknown[] = [{}, [], null, 7, '{', { requestId: own }, { requestId: own, verdict: 'accepted' }, { requestId: own, verdict: rejected, customerId: 'theirs' }, { requestId: [own], verdict: rejected }, { requestId: `${own}' or true`, verdict: rejected }, { requestId: `${own}\u0000`, verdict: rejected }];
      for (const body of junk) expect([body, await feedback('mine', body)]).toEqual([body, expect.objectContaining({ status: 400, changed: null })]);
      expect(await facts()).toEqual(before);
      expect((await savings('theirs')).total).toMatchObject({ void: 0, savingPicodollars: String(1_000 * RATES.input!) });
      expect(await feedback('mine', { requestId: own, verdict: rejected })).toMatchObject({ status: 200, changed: true });
    });
  });

  it('say why there is nothing to say', async () => {
    expect((await savings('silent')).experiment).toMatchObject({ state: 'not_estimable', reason: 'No request was assigned.', clusters: 0, estimatePicodollars: null, interval: null, halfWidthShare: null, billedPicodollars: '0', costOfProofPicodollars: null, strata: [] });
  });
});
