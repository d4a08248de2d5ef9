import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstIdAt, newId } from '@apex/common';
import { until } from '../../../../test/support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { AuthProcess } from '../../test/auth-process.js';
import { type CallerContext } from '../core/caller.js';
import { createKeySchema } from '../core/inputs.js';
import { authEntities } from '../entities/index.js';
import { PostgresSpendBook } from './adapters/postgres-spend-book.js';
import { assertTier } from './core/assert-tier.js';
import { billingMonthAt } from './core/billing-month.js';
import { keyLimitsSchema, setTermsSchema } from './core/inputs.js';
import { termsView } from './terms.service.js';

const root: CallerContext = { kind: 'operator', name: 'root' };
const NONE = { requestsPerMinute: null, tokensPerMinute: null, concurrency: null, monthlyBudgetMicroUsd: null };

describe('terms', () => {
  let database: TestDatabase;
  let home: string;
  let here: AuthProcess;
  let there: AuthProcess;

  beforeAll(async () => {
    database = await createTestDatabase({ entities: authEntities });
    home = await mkdtemp(join(tmpdir(), 'apex-terms-'));
    here = await AuthProcess.start({ url: database.url, home });
    there = await AuthProcess.start({ url: database.url, home });
  });
  afterAll(async () => {
    await here.stop();
    await there.stop();
    await database.drop();
    await rm(home, { recursive: true });
  });

  const customer = (id: string, tier: 'free' | 'early' | 'mid' | 'enterprise' = 'early') => here.customers.create(root, { id, name: id, tier, platformKeys: false });

  it('are the tier\'s until something else is agreed', async () => {
    await customer('mid', 'mid');
    expect(termsView(await here.terms.termsOf('mid'))).toEqual({
      tier: 'mid',
      platformFeePd: '500000000000000',
      vbpRatePpm: 200_000,
      vbpBilled: true,
      limits: { ...NONE, requestsPerMinute: 3_000, tokensPerMinute: 5_000_000 },
      platformBudgetMicroUsd: null,
      workbench: true,
      agentRunsPer5h: 1_000,
      billingAnchorDay: 1,
    });
    expect((await here.terms.tiers()).map(({ name, requestsPerMinute }) => [name, requestsPerMinute])).toEqual([['free', 60], ['early', 600], ['mid', 3_000], ['enterprise', null]]);
    await expect(here.terms.termsOf('nobody')).rejects.toMatchObject({ httpStatus: 404 });
  });

  it('that are agreed go before the tier\'s, are in force everywhere within a second, and are audited', async () => {
    await customer('agreed');
    const change = setTermsSchema.parse({ vbpRatePpm: 150_000, requestsPerMinute: 5, monthlyBudgetMicroUsd: 1_000_000, billingAnchorDay: 15, reason: 'as agreed' });
    const { reason, ...terms } = change;
    expect(await here.terms.setTerms('agreed', terms, 'operator:root', reason)).toMatchObject({ vbpRatePpm: 150_000, limits: { requestsPerMinute: 5, tokensPerMinute: 1_000_000, monthlyBudgetMicroUsd: 1_000_000 }, billingAnchorDay: 15 });
    expect(here.directory.keyTerms('agreed', null)).toMatchObject({ customer: { requestsPerMinute: 5 }, billingAnchorDay: 15 });
    await until(() => there.directory.keyTerms('agreed', null)?.customer.requestsPerMinute === 5, 'the other process to know');
    expect((await here.audit.list({ limit: 1 })).data[0]).toMatchObject({ actor: 'operator:root', action: 'customer.terms', target: 'customer:agreed', before: null, after: { vbpRatePpm: 150_000 }, reason: 'as agreed' });
    // As the tier has it again.
    await here.terms.setTerms('agreed', { requestsPerMinute: null }, 'operator:root', 'undone');
    expect(here.directory.keyTerms('agreed', null)?.customer.requestsPerMinute).toBe(600);
  });

  it('of a tier change for all who are on it', async () => {
    await customer('one-of-many', 'free');
    const version = here.directory.termsVersion;
    expect(await here.terms.setTier('free', { requestsPerMinute: 30 }, 'operator:root', 'too generous')).toMatchObject({ name: 'free', requestsPerMinute: 30, tokensPerMinute: 100_000 });
    expect(here.directory.keyTerms('one-of-many', null)?.customer.requestsPerMinute).toBe(30);
    expect(here.directory.termsVersion).toBeGreaterThan(version);
    await expect(here.terms.setTier('platinum', { requestsPerMinute: 1 }, 'operator:root', 'no')).rejects.toMatchObject({ httpStatus: 404 });
  });

  it('of a key are beside its customer\'s, and go to its successor with what was used', async () => {
    await customer('keys');
    const limits = keyLimitsSchema.parse({ requestsPerMinute: 3, monthlyBudgetMicroUsd: 500 });
    const key = await here.keys.create(root, 'keys', createKeySchema.parse({ limits }));
    expect(here.directory.keyTerms('keys', key.id)).toMatchObject({ customer: { requestsPerMinute: 600 }, key: limits, meterId: key.id });
    const rotated = await here.keys.rotate(root, 'keys', key.id, { graceSeconds: 60 });
    expect(here.directory.keyTerms('keys', rotated.id)).toMatchObject({ key: limits, meterId: key.id });
    expect(await here.keys.update(root, 'keys', rotated.id, { limits: keyLimitsSchema.parse({}), reason: 'lifted' })).toMatchObject({ limits: NONE });
    expect(here.directory.keyTerms('keys', rotated.id)).toMatchObject({ key: NONE, meterId: key.id });
    expect((await here.keys.list('keys', { limit: 10 })).data.map((one) => one.limits.requestsPerMinute)).toEqual([3, null]);
    await expect(here.keys.get('agreed', key.id)).rejects.toMatchObject({ httpStatus: 404 });
  });

  it('let a tier and those above it, and operators, through where a tier is needed', async () => {
    await customer('early', 'early');
    await customer('big', 'enterprise');
    const of = (customerId: string): CallerContext => ({ kind: 'key', keyId: newId(), customerId, scopes: new Set(['usage:read']) }) as CallerContext;
    expect(() => assertTier('mid', of('early'), here.directory)).toThrow(expect.objectContaining({ code: 'upgrade_required', httpStatus: 403, options: expect.objectContaining({ details: { requiredTier: 'mid', tier: 'early', upgradeUrl: '/api/billing/tiers' } }) }));
    expect(() => assertTier('mid', null, here.directory)).toThrow(expect.objectContaining({ code: 'upgrade_required' }));
    for (const caller of [of('mid'), of('big'), root]) expect(() => assertTier('mid', caller, here.directory)).not.toThrow();
  });

  it('know from the books what a month has cost, whoever spent it', async () => {
    await customer('spender');
    const month = billingMonthAt(Date.UTC(2026, 10, 23), 1);
    const key = await here.keys.create(root, 'spender', createKeySchema.parse({}));
    const insert = (at: number, costPd: number, keyId: string, provider = 'openai'): Promise<unknown> =>
      database.dataSource.query(
        `insert into usage_records select (jsonb_populate_record(null::usage_records, $1::jsonb)).*`,
        [JSON.stringify({ request_id: firstIdAt(at).replace(/.{12}$/, newId().slice(-12)), customer_id: 'spender', key_id: keyId, tags: [], surface: 'messages', path: 'gateway', cohort: 'gateway', provider, stream: false, status: 'final', attempts: 1, unknown_attempts: 0, prompt_tokens: 1, cached_tokens: 0, cache_write_tokens: 0, completion_tokens: 1, reasoning_tokens: 0, usage_source: 'provider', cost_pd: costPd, pricing: 'priced', started_at: new Date(at).toISOString(), recorded_at: new Date(at).toISOString(), recorded_xid: 1 })],
      );
    await insert(month.from, 1_500_000, key.id);
    await insert(month.to - 1, 2_000_000, newId());
    await insert(month.to, 9_000_000, key.id);
    await insert(month.from - 1, 9_000_000, key.id);
    const book = new PostgresSpendBook(database.dataSource);
    expect(await book.spent('spender', { kind: 'customer' }, month)).toBe(4);
    expect(await book.spent('spender', { kind: 'key', meterId: key.id }, month)).toBe(2);
    expect(await book.spent('spender', { kind: 'platform' }, month)).toBe(4);
    await here.providerKeys.set(root, 'spender', 'openai', { apiKey: 'sk-own' });
    expect(await book.spent('spender', { kind: 'platform' }, month)).toBe(0);
  });
});
