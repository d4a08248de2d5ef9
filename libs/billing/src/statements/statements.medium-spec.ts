import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Logger as NestLogger } from '@nestjs/common';
import { authEntities } from '@apex/auth';
import { FAILPOINTS, FakeClock, sha256 } from '@apex/common';
import { GenaiPriceBook } from '@apex/llm';
import { canonicalJson, MECHANISMS, type Receipt, type SealedReceipt } from '@apex/usage';
import { type Logger } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { addCustomer, addReceipt, adjust, exactHit, OneSecret, statementsOver } from '../../test/statement-books.js';
import { leafOf } from '../core/statements/statement-builder.js';
import { type StatementDocument } from '../core/statements/statement.types.js';
import { Ledger } from '../ledger/ledger.service.js';
import { StatementsSweep } from './statements-sweep.js';
import { type Statements } from './statements.service.js';

const HOOKS = fileURLToPath(new URL('../../../../test/support/typescript-hooks.mjs', import.meta.url));
const CHILD = fileURLToPath(new URL('../../test/closing-child.ts', import.meta.url));

const [MARCH, APRIL, MAY] = ['2025-03-01T00:00:00.000Z', '2025-04-01T00:00:00.000Z', '2025-05-01T00:00:00.000Z'].map((text) => new Date(text)) as [Date, Date, Date];
const CLOSES = Date.parse('2025-04-04T00:00:00.000Z');
const CENT = 10_000_000_000n;
const DOLLAR = 1_000_000_000_000;

// Real: Postgres, processes of their own and their death by SIGKILL.
describe('statements', () => {
  let database: TestDatabase;
  let clock: FakeClock;
  let statements: Statements;
  const query = <T>(sql: string, ...parameters: unknown[]): Promise<T[]> => database.dataSource.query<T[]>(sql, parameters);
  const customer = (id: string, tier?: string): Promise<void> => addCustomer(database.dataSource, id, '2025-03-10T12:00:00Z', tier);
  const hit = (id: string, at: string, savedPd: number): Promise<Receipt> => addReceipt(database.dataSource, id, at, exactHit(savedPd));
  const close = async (id: string, start = MARCH): Promise<StatementDocument> => (await statements.get(id, (await statements.close(id, start, 'test')).id)).document;
  const charges = (id: string): Promise<Array<{ kind: string; amount_cents: string }>> => query('select kind, amount_cents from statement_charges where customer_id = $1 order by period_start, kind', id);

  beforeAll(async () => {
    NestLogger.overrideLogger(false);
    database = await createTestDatabase({ entities: authEntities });
  });
  afterAll(async () => {
    await database.drop();
    NestLogger.overrideLogger(new NestLogger());
  });
  beforeEach(() => {
    clock = new FakeClock(CLOSES);
    statements = statementsOver(database.dataSource, clock);
  });

  it('take from 100 duplicate-heavy requests to a dear model a fifth of what the cache saved, to the picodollar', async () => {
    await customer('revenue');
    const rates = new GenaiPriceBook().rates('anthropic', 'claude-opus-4-1', 2_000, Date.parse('2025-11-01'))!;
    const usage = { promptTokens: 2_003, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 487, reasoningTokens: 0 };
    const costPd = 2_003 * rates.input! + 487 * rates.output!;
    let saved = 0n;
    for (let request = 0; request < 100; request++) {
      // Ten prompts, asked ten times each: the first time the model is asked.
      const isFirst = request % 10 === 0;
      const inputs = { ...exactHit(1), requestedModel: 'claude-opus-4-1', baseline: { usage, rates }, steps: isFirst ? [] : [{ mechanism: 'exact_cache' as const, usage, rates: null }], spent: isFirst ? [{ kind: 'attempt' as const, id: `a${request}`, costPd }] : [] };
      const receipt = await addReceipt(database.dataSource, 'revenue', `2025-03-${String(11 + (request % 10))}T10:00:00.${String(request).padStart(3, '0')}Z`, inputs);
      saved += BigInt(receipt.savingPd);
    }
    const { savings, billing, invoice } = await close('revenue');
    expect(savings).toMatchObject({ receipts: 100, savingPicodollars: String(saved), losslessPicodollars: String(saved) });
    expect(billing).toMatchObject({ proof: 'not_estimable', billedPicodollars: String(saved), vbpPicodollars: String(saved / 5n) });
    const vbp = BigInt(billing.vbpPicodollars);
    expect(vbp * 5n).toBe(saved);
    expect(vbp).toBeGreaterThanOrEqual(BigInt(DOLLAR));
    expect(invoice.lines[0]).toMatchObject({ exactPicodollars: String(vbp), cents: Number((vbp + CENT / 2n) / CENT) });
    expect(await charges('revenue')).toEqual([{ kind: 'vbp', amount_cents: String(invoice.chargedCents) }]);
    const balances = await new Ledger(database.dataSource).balances('revenue');
    expect(balances.get('revenue:vbp')).toBe(-vbp);
    expect(balances.get('customer:receivable')).toBe(BigInt(invoice.chargedCents) * CENT);
    expect(balances.get('rounding')).toBe(vbp - BigInt(invoice.chargedCents) * CENT);
  });

  it('are closed once by any number of workers, and say the same ever after', async () => {
    await customer('race');
    for (let day = 11; day < 20; day++) await hit('race', `2025-03-${day}T08:00:00Z`, DOLLAR);
    const workers = [...Array.from({ length: 4 }, () => statementsOver(database.dataSource, clock)), statements];
    const outcomes = await Promise.allSettled(workers.map((worker) => worker.close('race', MARCH, 'test')));
    const created = outcomes.filter((one) => one.status === 'fulfilled' && one.value.created);
    expect(created).toHaveLength(1);
    for (const one of outcomes) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'statement_being_closed' });
    const { id } = await statements.close('race', MARCH, 'again');
    expect((created[0] as PromiseFulfilledResult<{ id: string }>).value.id).toBe(id);
    const { document, hash } = await statements.get('race', id);
    expect(hash).toBe(sha256(canonicalJson(document)).toString('hex'));
    expect(await charges('race')).toEqual([{ kind: 'vbp', amount_cents: '180' }]);
    expect(await statements.list('race')).toMatchObject([{ id, hash, vbpCents: 180, chargedCents: 180 }]);
    await expect(query(`update statements set hash = hash`)).rejects.toThrow('append-only');
    await expect(query(`insert into statement_charges (id, statement_id, customer_id, kind, amount_cents, currency, description, period_start, period_end, statement_hash) select gen_random_uuid(), id, customer_id, 'bvm', 1, 'eur', '', period_start, period_end, hash from statements`)).rejects.toThrow('currency');
  });

  it('have a failpoint behind each write, and stand once with exact amounts wherever a process is killed', async () => {
    await customer('failpoints');
    await hit('failpoints', '2025-03-12T00:00:00Z', 7 * DOLLAR);
    const seen: string[] = [];
    const known = database.dataSource.logger;
    const noteFailpoint = (name: unknown): void => void seen.push(`failpoint ${String(name)}`);
    const noteWrite = (sql: string): void => {
      const write = /(?:insert into|update|delete from) (\w+)/i.exec(sql);
      // A ledger entry and its lines are one write of the ledger's, in the same transaction.
      if (write !== null && !seen.at(-1)?.startsWith('write ledger_')) seen.push(`write ${write[1]!}`);
    };
    FAILPOINTS.subscribe(noteFailpoint);
    database.dataSource.logger = { logQuery: noteWrite, logQueryError: () => undefined, logQuerySlow: () => undefined, log: () => undefined, logMigration: () => undefined, logSchemaBuild: () => undefined } satisfies Logger;
    await statements.close('failpoints', MARCH, 'test');
    FAILPOINTS.unsubscribe(noteFailpoint);
    database.dataSource.logger = known;
    expect(seen.filter((one) => one.startsWith('write'))).toEqual(['write receipt_chain', 'write statements', 'write statement_charges', 'write ledger_entries', 'write audit_log']);
    expect(seen.filter((one, index) => one.startsWith('write') && !seen[index + 1]?.startsWith('failpoint'))).toEqual([]);

    const names = seen.filter((one) => one.startsWith('failpoint')).map((one) => one.slice('failpoint '.length));
    expect(new Set(names).size).toBe(names.length);
    await Promise.all(
      names.map(async (name, index) => {
        const id = `killed-${index}`;
        await customer(id);
        await hit(id, '2025-03-12T00:00:00Z', 7 * DOLLAR);
        const child = spawn(process.execPath, ['--import', HOOKS, CHILD, database.url, id, MARCH.toISOString(), new Date(CLOSES).toISOString()], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, APEX_FAILPOINT: name } });
        const [[, signal]] = await Promise.all([once(child, 'exit'), once(child.stdout, 'close')]);
        expect({ name, signal }).toEqual({ name, signal: 'SIGKILL' });
        const stood = name === 'statement.committed';
        expect(await statements.list(id)).toHaveLength(stood ? 1 : 0);
        expect(await statements.close(id, MARCH, 'test')).toMatchObject({ created: !stood });
        expect(await charges(id)).toEqual([{ kind: 'vbp', amount_cents: '140' }]);
        expect((await new Ledger(database.dataSource).balances(id)).get('customer:receivable')).toBe(140n * CENT);
        expect(await query(`select 1 from audit_log where action = 'statement.close' and target = $1`, `customer:${id}`)).toHaveLength(1);
      }),
    );
  }, 60_000);

  it('refuse what cannot be closed, and the refusal is in the audit log', async () => {
    await customer('refused');
    const refusal = async (id: string, start: Date, at = CLOSES): Promise<string> => {
      const failure = await statementsOver(database.dataSource, new FakeClock(at)).close(id, start, 'ann').then(() => null, (error: { code: string }) => error.code);
      const [entry] = await query<{ after: { code: string } }>(`select after from audit_log where action = 'statement.refuse' and actor = 'ann' and target = $1 order by id desc limit 1`, `customer:${id}`);
      expect(entry?.after.code).toBe(failure);
      return String(failure);
    };
    expect(await refusal('nobody', MARCH)).toBe('unknown_customer');
    expect(await refusal('refused', MARCH, CLOSES - 1)).toBe('period_open');
    expect(await refusal('refused', new Date('2025-03-02T00:00:00Z'))).toBe('invalid_request');
    expect(await refusal('refused', APRIL, Date.parse('2025-06-01'))).toBe('earlier_period_open');
    expect(await refusal('refused', MAY)).toBe('period_in_future');
    // The machine's clock has jumped ahead of the database's.
    await addCustomer(database.dataSource, 'ahead', '2200-01-05T00:00:00Z');
    expect(await refusal('ahead', new Date('2200-01-01T00:00:00Z'), Date.parse('2200-03-01'))).toBe('clock_ahead');
    await database.dataSource.query(`insert into customers (id, name, tier, created_at) values ('odd', 'odd', 'golden', $1)`, [MARCH]);
    await hit('odd', '2025-03-12T00:00:00Z', 10 * DOLLAR);
    expect(await refusal('odd', MARCH)).toBe('unknown_tier');
    expect(await query(`select 1 from statements where customer_id in ('refused', 'ahead', 'odd')`)).toEqual([]);
    // Nothing was lost by it.
    await query(`update customers set tier = 'early' where id = 'odd'`);
    await close('odd');
    expect(await charges('odd')).toEqual([{ kind: 'vbp', amount_cents: '200' }]);
  });

  it('bear clocks that jump: what is closed stays closed, and nothing is before its time', async () => {
    await customer('jumps');
    await hit('jumps', '2025-03-12T00:00:00Z', 10 * DOLLAR);
    const { id } = await close('jumps');
    const at = (time: string): Statements => statementsOver(database.dataSource, new FakeClock(Date.parse(time)));
    // Back before the period's end, before its beginning.
    for (const time of ['2025-03-20T00:00:00Z', '2025-01-01T00:00:00Z']) {
      expect(await at(time).close('jumps', MARCH, 'test')).toEqual({ id, created: false });
      expect(await at(time).closeDue('jumps', 'test')).toEqual([]);
      await expect(at(time).close('jumps', APRIL, 'test')).rejects.toMatchObject({ code: 'period_in_future' });
    }
    // Ahead by a century: all that is over is closed, by the store's clock, and no more.
    await expect(at('2125-01-01T00:00:00Z').closeDue('jumps', 'test')).rejects.toMatchObject({ code: 'clock_ahead' });
    const [last] = await query<{ due: boolean }>(`select max(period_end) + interval '72 hours' <= now() as due from statements where customer_id = 'jumps'`);
    expect(last?.due).toBe(true);
    expect(await charges('jumps')).toEqual([{ kind: 'vbp', amount_cents: '200' }]);
    expect(await query(`select 1 from audit_log where action = 'statement.refuse' and target = 'customer:jumps' and after ->> 'code' = 'clock_ahead'`)).toHaveLength(1);
  });

  it('are made for a customer without receipts as well', async () => {
    await customer('quiet', 'mid');
    const { receipts, savings, invoice } = await close('quiet');
    expect(receipts).toMatchObject({ leaves: 0, merkleRoot: sha256('').toString('hex') });
    expect(savings.mechanisms.map(({ mechanism }) => mechanism)).toEqual(MECHANISMS);
    expect(invoice).toMatchObject({ dueCents: 0, platformFeeCents: 50_000 });
    expect(await charges('quiet')).toEqual([]);
    expect((await new Ledger(database.dataSource).balances('quiet')).get('revenue:platform')).toBe(-500n * BigInt(DOLLAR));
  });

  it('carry a loss, a small amount, and what was learned late into the next one', async () => {
    await customer('carrying');
    const first = await hit('carrying', '2025-03-12T00:00:00Z', DOLLAR);
    const march = await close('carrying');
    // 20 cents are less than can be charged.
    expect(march.invoice.lines[0]).toMatchObject({ exactPicodollars: '200000000000', cents: 0, carriedForwardPicodollars: '200000000000' });
    expect(await charges('carrying')).toEqual([]);

    await adjust(database.dataSource, clock, first, { kind: 'void', reason: 'judged_worse' });
    await hit('carrying', '2025-03-20T00:00:00Z', 3 * DOLLAR);
    const april = await statements.preview('carrying', new Date(CLOSES));
    expect(april.corrections).toEqual({ since: MARCH.toISOString(), receipts: 2, savingPicodollars: String(2 * DOLLAR), losslessPicodollars: String(2 * DOLLAR) });
    expect(april.invoice.lines[0]).toMatchObject({ ownPicodollars: '400000000000', broughtForwardPicodollars: '200000000000', cents: 60 });

    await addReceipt(database.dataSource, 'carrying', '2025-04-02T00:00:00Z', { ...exactHit(DOLLAR), spent: [{ kind: 'judge', id: 'j', costPd: 6 * DOLLAR }] });
    clock.advance(31 * 86_400_000);
    const closed = await close('carrying', APRIL);
    expect(closed.previous).toEqual({ id: march.id, hash: (await statements.get('carrying', march.id)).hash });
    expect(closed.billing).toMatchObject({ billedPicodollars: String(-3 * DOLLAR), vbpPicodollars: '0', carriedForwardPicodollars: String(-3 * DOLLAR) });
    await hit('carrying', '2025-05-02T00:00:00Z', 5 * DOLLAR);
    clock.advance(31 * 86_400_000);
    const may = await close('carrying', MAY);
    expect(may.billing).toMatchObject({ broughtForwardPicodollars: String(-3 * DOLLAR), basePicodollars: String(2 * DOLLAR) });
    expect(await charges('carrying')).toEqual([{ kind: 'vbp', amount_cents: '60' }]);
  });

  it('show what would have been billed where nothing is, and take credit first where something is', async () => {
    await customer('gratis', 'free');
    await hit('gratis', '2025-03-12T00:00:00Z', 10 * DOLLAR);
    expect(await close('gratis')).toMatchObject({ billing: { vbpPicodollars: String(2 * DOLLAR), carriedOut: [] }, invoice: { dueCents: 0 } });
    expect(await charges('gratis')).toEqual([]);

    await customer('credited');
    await hit('credited', '2025-03-12T00:00:00Z', 10 * DOLLAR);
    const ledger = new Ledger(database.dataSource);
    const amountPd = 15n * CENT + 1n;
    await database.dataSource.transaction((manager) => ledger.post(manager, { customerId: 'credited', kind: 'credit', sourceId: 'sorry', occurredAt: MARCH, memo: 'sorry', lines: [{ account: 'adjustments', amountPd }, { account: 'customer:credit', amountPd: -amountPd }] }));
    expect((await close('credited')).invoice).toMatchObject({ dueCents: 200, creditCents: 15, chargedCents: 185 });
    expect(await charges('credited')).toEqual([{ kind: 'credit', amount_cents: '-15' }, { kind: 'vbp', amount_cents: '200' }]);
    expect((await ledger.balances('credited')).get('customer:credit')).toBe(-1n);
  });

  it('pass on what calls with the platform’s keys cost, and what is learned of it later', async () => {
    await customer('passing');
    await query(`update customers set platform_keys = true where id = 'passing'`);
    const call = async (at: string, provider: string, costPd: number, owner: 'customer' | 'platform' | null = null): Promise<void> => {
      const id = `${Date.parse(at).toString(16).padStart(12, '0').replace(/^(.{8})/, '$1-')}-7000-8000-${provider === 'openai' ? '0' : '1'}${String(costPd).slice(0, 1)}0000000000`;
      await query(`insert into usage_records (request_id, customer_id, key_id, surface, path, cohort, status, usage_source, pricing, started_at) values ($1::uuid, 'passing', $1::uuid, 'chat', 'gateway', 'gateway', 'final', 'provider', 'priced', $2)`, id, at);
      await query(`insert into attempts (attempt_id, request_id, attempt_no, customer_id, provider, model, status, usage_source, cost_pd, pricing, started_at, key_owner) values ($1::uuid, $1::uuid, 1, 'passing', $4, 'm', 'final', 'provider', $3, 'priced', $2, $5)`, id, at, costPd, provider, owner);
    };
    await query(`insert into provider_keys (id, customer_id, provider, ciphertext, hint, created_at) values (gen_random_uuid(), 'passing', 'anthropic', '', '', '2025-03-15')`);
    await call('2025-03-12T00:00:00Z', 'openai', 2 * DOLLAR);
    await call('2025-03-14T00:00:00Z', 'anthropic', 3 * DOLLAR);
    await call('2025-03-16T00:00:00Z', 'anthropic', 4 * DOLLAR);
    // Said with the call, whatever keys there seem to have been.
    await call('2025-03-13T00:00:00Z', 'anthropic', 7 * DOLLAR, 'customer');
    await call('2025-03-17T00:00:00Z', 'anthropic', 8 * DOLLAR, 'platform');
    const march = await close('passing');
    expect(march.passThrough).toEqual([{ periodStart: MARCH.toISOString(), periodEnd: APRIL.toISOString(), statedPicodollars: '0', lines: [{ provider: 'anthropic', model: 'm', attempts: 2, costPicodollars: String(11 * DOLLAR) }, { provider: 'openai', model: 'm', attempts: 1, costPicodollars: String(2 * DOLLAR) }] }]);
    await call('2025-03-30T00:00:00Z', 'openai', DOLLAR);
    // Who may not use them any more has used them all the same.
    await call('2025-04-02T00:00:00Z', 'openai', 6 * DOLLAR, 'platform');
    clock.advance(31 * 86_400_000);
    await close('passing', APRIL);
    await query(`update customers set platform_keys = false where id = 'passing'`);
    await call('2025-05-02T00:00:00Z', 'openai', 9 * DOLLAR, 'platform');
    clock.advance(31 * 86_400_000);
    await close('passing', MAY);
    expect((await charges('passing')).map(({ amount_cents: cents }) => cents)).toEqual(['1300', '700', '900']);
  });

  it('publish the month’s secret once it is over, and prove that a receipt is in them', async () => {
    await customer('proof');
    const made: Receipt[] = [];
    for (let day = 11; day < 18; day++) made.push(await hit('proof', `2025-03-${day}T08:00:00Z`, DOLLAR));
    const { id, experiment, receipts } = await close('proof');
    expect(experiment.months).toEqual([{ month: '2025-03', secretHash: sha256(OneSecret.SECRET).toString('hex'), secret: OneSecret.SECRET.toString('hex') }]);
    for (const [index, { requestId }] of made.entries()) {
      const proof = await statements.inclusionProof('proof', id, requestId);
      expect(proof).toMatchObject({ merkleRoot: receipts.merkleRoot, leafIndex: index, leaves: 7 });
      expect(rootFrom(proof.receipt, index, 7, proof.path)).toBe(receipts.merkleRoot);
    }
    await expect(statements.inclusionProof('proof', id, made[0]!.requestId.replace(/.$/, '0').replace(/..$/, 'ff'))).rejects.toMatchObject({ httpStatus: 404 });
    await expect(statements.get('race', id)).rejects.toMatchObject({ httpStatus: 404 });
  });

  it('are looked at before their time, two open periods at once, and not before they begin', async () => {
    await customer('early-look');
    await hit('early-look', '2025-03-12T00:00:00Z', 10 * DOLLAR);
    await hit('early-look', '2025-04-02T00:00:00Z', 5 * DOLLAR);
    const now = new Date('2025-04-02T12:00:00Z');
    statements = statementsOver(database.dataSource, new FakeClock(now.getTime()));
    expect(await statements.preview('early-look', MARCH)).toMatchObject({ closedAt: null, billing: { vbpPicodollars: String(2 * DOLLAR) } });
    const april = await statements.preview('early-look', now);
    expect(april).toMatchObject({ period: { start: APRIL.toISOString() }, savings: { receipts: 1 }, billing: { vbpPicodollars: String(DOLLAR) }, experiment: { months: [{ month: '2025-03' }, { month: '2025-04', secret: null }] } });
    expect(await statements.list('early-look')).toEqual([]);
    await expect(statements.preview('early-look', MAY)).rejects.toMatchObject({ code: 'period_in_future' });
    await expect(statements.preview('nobody', now)).rejects.toMatchObject({ code: 'unknown_customer' });
  });

  it('are found by a sweep, all that are due and oldest first, and an anchor that moves leaves no gap', async () => {
    await customer('swept');
    await hit('swept', '2025-03-12T00:00:00Z', 10 * DOLLAR);
    const sweep = new StatementsSweep(statementsOver(database.dataSource, new FakeClock(Date.parse('2025-05-05T00:00:00Z'))));
    await sweep.run(() => true);
    expect((await statements.list('swept')).map(({ periodStart }) => periodStart)).toEqual([APRIL.toISOString(), MARCH.toISOString()]);
    await query(`insert into customer_terms (customer_id, billing_anchor_day) values ('swept', 15)`);
    const later = new StatementsSweep(statementsOver(database.dataSource, new FakeClock(Date.parse('2025-06-20T00:00:00Z'))));
    await later.run(() => true);
    expect(await later.run(() => true)).toBe(0);
    expect((await statements.list('swept')).map(({ periodStart, periodEnd }) => `${periodStart.slice(0, 10)} ${periodEnd.slice(0, 10)}`)).toEqual(['2025-05-15 2025-06-15', '2025-05-01 2025-05-15', '2025-04-01 2025-05-01', '2025-03-01 2025-04-01']);
  });
});

/** RFC 9162, 2.1.3.2: the root that a path leads to. */
function rootFrom(receipt: SealedReceipt, index: number, leaves: number, path: readonly string[]): string {
  let [at, last] = [index, leaves - 1];
  let hash = sha256(Buffer.concat([Buffer.of(0), leafOf(receipt)]));
  for (const one of path) {
    const sibling = Buffer.from(one, 'hex');
    const isRight = at % 2 === 1 || at === last;
    hash = sha256(Buffer.concat(isRight ? [Buffer.of(1), sibling, hash] : [Buffer.of(1), hash, sibling]));
    if (isRight) for (; at % 2 === 0 && at !== 0; at >>= 1, last >>= 1);
    at >>= 1;
    last >>= 1;
  }
  return hash.toString('hex');
}
