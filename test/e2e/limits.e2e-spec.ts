import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { RateLimitError } from 'openai';
import { until } from '../support/eventually.js';
import { type Apex, startApex } from './support/apex.js';
import { failureOf } from './support/failure-of.js';

const MODEL = 'gpt-4o-mini';
const prompt = { model: MODEL, max_tokens: 64, messages: [{ role: 'user' as const, content: 'Name three rivers.' }] };

interface LimitsView {
  readonly enforced: boolean;
  readonly limits: readonly { readonly name: string; readonly scope: string; readonly limit: number; readonly used: number; readonly wouldHaveBeenLimited: number }[];
}

let apex: Apex;

async function customer(id: string, limits: Record<string, number>, terms: Record<string, number> = {}): Promise<string> {
  await apex.api('POST', '/api/admin/customers', { id, name: id, tier: 'early', platformKeys: true });
  if (Object.keys(terms).length > 0) expect((await apex.api('PATCH', `/api/admin/customers/${id}/terms`, { ...terms, reason: 'as agreed' })).status).toBe(200);
  const { body } = await apex.api<{ key: string }>('POST', `/api/admin/customers/${id}/keys`, { scopes: ['inference', 'usage:read'], limits });
  await knownEverywhere(body.key);
  return body.key;
}

const limitsOf = async (key: string): Promise<LimitsView> => (await apex.api<LimitsView>('GET', '/api/limits', undefined, key)).body;
const ask = (key: string, body: object = prompt): Promise<Response> => apex.post('/v1/chat/completions', body, { authorization: `Bearer ${key}` });

/** A key is known to every process within a second, and not before: asked over connections of their own, both are met. */
async function knownEverywhere(key: string): Promise<void> {
  const look = async (): Promise<boolean> => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => fetch(`${apex.baseUrl}/v1/models`, { headers: { authorization: `Bearer ${key}`, connection: 'close' } })));
    return answers.every(({ status }) => status === 200);
  };
  await until(look, 'every process knowing the key');
}

/** Two processes serve, each with a limiter and a connection to Redis of its own. */
beforeAll(async () => {
  apex = await startApex({ env: { APEX_WORKERS: '2' } });
}, 120_000);
afterAll(() => apex?.close(), 90_000);

describe('while limits are not enforced', () => {
  it('nobody is refused, and what would have been is counted', async () => {
    const key = await customer('counted', { requestsPerMinute: 2 });
    for (let i = 0; i < 12; i++) {
      const response = await ask(key);
      expect([response.status, response.headers.get('x-ratelimit-limit-requests')]).toEqual([200, null]);
      await response.text();
      if (i >= 4) await limitsOf(key);
    }
    await until(async () => {
      const { enforced, limits } = await limitsOf(key);
      expect(enforced).toBe(false);
      return limits.some(({ scope, name, wouldHaveBeenLimited }) => scope === 'key' && name === 'requests' && wouldHaveBeenLimited > 0);
    }, 'requests that would have been limited');
    expect((await apex.api<string>('GET', '/metrics')).body).toMatch(/apex_would_have_been_limited_total\{limit="requests"\} [1-9]/);
  });

  it('what the platform\'s keys may spend is enforced all the same', async () => {
    const key = await customer('prepaid', {}, { platformBudgetMicroUsd: 1 });
    const response = await ask(key);
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([429, 'false']);
    expect(await response.json()).toMatchObject({ error: { type: 'insufficient_quota', code: 'insufficient_quota' } });
  });
});

describe('once limits are enforced', () => {
  beforeAll(async () => {
    expect((await apex.api('PUT', '/api/admin/flags/usage_limits_enforced', { enabled: true, reason: 'the end of unlimited use' })).status).toBe(200);
    const key = await customer('enforced', {});
    await until(async () => (await Promise.all(Array.from({ length: 6 }, () => limitsOf(key)))).every(({ enforced }) => enforced), 'both processes to enforce limits');
  }, 30_000);

  it('OpenAI\'s SDK raises a RateLimitError and knows how long to wait', async () => {
    const openai = new OpenAI({ apiKey: await customer('openai', { requestsPerMinute: 3 }), baseURL: `${apex.baseUrl}/v1`, maxRetries: 0 });
    for (let i = 0; i < 3; i++) {
      const { response } = await openai.chat.completions.create(prompt).withResponse();
      expect(response.headers.get('x-ratelimit-limit-requests')).toBe('3');
      expect(Number(response.headers.get('x-ratelimit-remaining-requests'))).toBeLessThanOrEqual(2);
      expect(response.headers.get('x-ratelimit-reset-requests')).toMatch(/^(\d+m)?[\d.]+m?s$/);
    }
    const error = await failureOf(openai.chat.completions.create(prompt));
    expect(error).toBeInstanceOf(RateLimitError);
    const { status, code, type, headers } = error as RateLimitError;
    expect({ status, code, type }).toEqual({ status: 429, code: 'rate_limit_exceeded', type: 'requests' });
    expect(Number(headers?.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(headers?.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(headers?.get('x-ratelimit-remaining-requests')).toBe('0');
  });

  it('Anthropic\'s SDK raises its own', async () => {
    const anthropic = new Anthropic({ apiKey: await customer('anthropic', { requestsPerMinute: 1 }), baseURL: apex.baseUrl, maxRetries: 0 });
    const { response } = await anthropic.messages.create(prompt).withResponse();
    expect(response.headers.get('anthropic-ratelimit-requests-limit')).toBe('1');
    expect(Date.parse(response.headers.get('anthropic-ratelimit-requests-reset') ?? '')).not.toBeNaN();
    const error = await failureOf(anthropic.messages.create(prompt));
    expect(error).toBeInstanceOf(Anthropic.RateLimitError);
    expect((error as InstanceType<typeof Anthropic.RateLimitError>).error).toMatchObject({ type: 'error', error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' } });
    expect(Number((error as InstanceType<typeof Anthropic.RateLimitError>).headers?.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  it('200 requests at once over two processes never spend more than a budget for 50, and what they did not spend is left', async () => {
    const bytes = JSON.stringify(prompt).length;
    const cap = 50 * Math.ceil(bytes * 0.15 + 64 * 0.6);
    const key = await customer('race', {}, { monthlyBudgetMicroUsd: cap, requestsPerMinute: 100_000, tokensPerMinute: 100_000_000 });
    const responses = await Promise.all(Array.from({ length: 200 }, () => ask(key)));
    const served = responses.filter(({ status }) => status === 200).length;
    expect(responses.every(({ status }) => status === 200 || status === 429)).toBe(true);
    await Promise.all(responses.map((response) => response.text()));
    expect(served).toBeGreaterThanOrEqual(40);
    const spentPd = async (): Promise<number> => Number((await apex.api<{ total: { costPicodollars: string; requests: number } }>('GET', '/api/usage?groupBy=model', undefined, key)).body.total.costPicodollars);
    await until(async () => {
      const { body } = await apex.api<{ total: { requests: number } }>('GET', '/api/usage?groupBy=model', undefined, key);
      return body.total.requests === 200;
    }, 'all requests in the books');
    const spent = await spentPd();
    expect(spent).toBeLessThanOrEqual(cap * 1_000_000);
    // All reservations are settled: the count is the books', but for what is rounded up once per process.
    await until(async () => {
      const budget = (await limitsOf(key)).limits.find(({ name }) => name === 'budget')!;
      return budget.used >= Math.floor(spent / 1e6) && budget.used <= Math.ceil(spent / 1e6) + 2;
    }, 'the count to be what the books say');
  });
});
