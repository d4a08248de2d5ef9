import { type Admission, type Claim, type KeyLimiter, type LimitState, type Usage } from '@apex/auth';
import { GenaiPriceBook } from '@apex/llm';
import { answer, ask, createWorld, FakeReply, type World } from '../pipeline.fakes.js';
import { limitHeaders } from './limited-reply.js';
import { RequestLimits } from './request-limits.js';

const states: LimitState[] = [
  { name: 'requests', limit: 60, remaining: 59, resetMs: 61_500 },
  { name: 'tokens', limit: 100_000, remaining: 99_000, resetMs: 250 },
];
const ALL = { tokens: true, budget: true, platformBudget: true };

/** A key with limits that says yes, or what it is told to say. */
class FakeLimiter implements KeyLimiter {
  readonly claims: Claim[] = [];
  readonly settled: Usage[] = [];
  constructor(
    readonly counts: KeyLimiter['counts'] = ALL,
    private readonly say: Admission | null = null,
  ) {}
  reserve(claim: Claim, enforced: boolean, done: (admission: Admission) => void): void {
    this.claims.push(claim);
    done(this.say ?? { ok: true, reservation: { settle: (usage) => void this.settled.push(usage), states: () => (enforced ? states : []) } });
  }
}

const worldWith = (limiter: FakeLimiter | null, { enforced = true, keyOwner = 'platform' as 'platform' | 'customer' } = {}): World =>
  createWorld([{ status: 200, chunks: [answer], headers: { 'x-ratelimit-limit-requests': '7', 'x-ratelimit-limit-images': '8' } }], {
    keyOwner,
    requestLimits: new RequestLimits({ limiter: { of: () => limiter }, enforced: () => enforced, prices: new GenaiPriceBook() }),
  });

describe('a request with limits', () => {
  it('reserves the most it can cost before the call, and settles what it did cost with its record', async () => {
    const limiter = new FakeLimiter();
    const world = worldWith(limiter);
    const body = { ...ask, max_tokens: 100, n: 2 };
    world.ask(body);
    await world.settled();
    const bytes = JSON.stringify(body).length;
    // $0.15 and $0.60 per million: 0.15 and 0.6 micro-dollars a token.
    const microUsd = Math.ceil(bytes * 0.15 + 200 * 0.6);
    expect(limiter.claims).toEqual([{ tokens: Math.ceil(bytes / 4) + 200, microUsd, platformMicroUsd: microUsd }]);
    expect(limiter.settled).toEqual([{ tokens: 1_200, costPd: 231_600_000, platformCostPd: 231_600_000 }]);
  });

  it('with its own provider key spends nothing of the platform\'s', async () => {
    const limiter = new FakeLimiter();
    const world = worldWith(limiter, { keyOwner: 'customer' });
    world.ask({ ...ask, max_tokens: 100 });
    await world.settled();
    expect(limiter.claims).toEqual([expect.objectContaining({ platformMicroUsd: 0 })]);
    expect(limiter.settled).toEqual([{ tokens: 1_200, costPd: 231_600_000, platformCostPd: 0 }]);
  });

  it('without a maximum may use as much as its model can; a conversation kept elsewhere may be as long', async () => {
    const limiter = new FakeLimiter();
    const world = worldWith(limiter);
    world.ask(ask);
    await world.settled();
    expect(limiter.claims[0]!.microUsd).toBeGreaterThanOrEqual(128_000 * 0.6);
    world.ask({ model: 'gpt-4o-mini', input: 'go on', previous_response_id: 'resp_1', max_output_tokens: 1 }, { surface: 'responses', reply: new FakeReply(world.log) });
    await world.settled();
    expect(limiter.claims[1]!.microUsd).toBeGreaterThanOrEqual(128_000 * 0.15);
  });

  it('is asked for a maximum where nobody knows the model\'s and a budget is in force', async () => {
    const world = worldWith(new FakeLimiter({ tokens: false, budget: true, platformBudget: false }));
    const refused = world.ask({ ...ask, model: 'nobody-knows-this' });
    await world.settled();
    expect(refused.status).toBe(400);
    expect(refused.json.error).toMatchObject({ type: 'invalid_request_error', code: 'max_tokens_required', param: 'max_tokens' });
    expect(world.upstream.requests).toEqual([]);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'denied', error_code: 'max_tokens_required' });
    const counted = worldWith(new FakeLimiter({ tokens: false, budget: true, platformBudget: false }), { enforced: false });
    const reply = counted.ask({ ...ask, model: 'nobody-knows-this' });
    await counted.settled();
    expect(reply.status).toBe(200);
  });

  it('to a model without a price is served, but not at the platform\'s cost', async () => {
    const unpriced = { ...ask, model: 'nobody-knows-this', max_tokens: 5 };
    const own = worldWith(new FakeLimiter(), { keyOwner: 'customer' });
    const served = own.ask(unpriced);
    await own.settled();
    expect(served.status).toBe(200);
    const ours = worldWith(new FakeLimiter(), { enforced: false });
    const refused = ours.ask(unpriced);
    await ours.settled();
    expect([refused.status, refused.json.error?.code]).toEqual([400, 'unpriced_model']);
  });

  it('tells how it stands, each header once, and leaves what the provider says of other things', async () => {
    const world = worldWith(new FakeLimiter(), { keyOwner: 'customer' });
    const reply = world.ask({ ...ask, max_tokens: 1 });
    await world.settled();
    expect(reply.headers).toMatchObject({ 'x-ratelimit-limit-requests': '60', 'x-ratelimit-remaining-requests': '59', 'x-ratelimit-reset-requests': '1m2s', 'x-ratelimit-reset-tokens': '250ms', 'x-ratelimit-limit-images': '8' });
  });

  it('says nothing of limits that are not in force', async () => {
    const world = worldWith(new FakeLimiter(), { enforced: false, keyOwner: 'customer' });
    const reply = world.ask({ ...ask, max_tokens: 1 });
    await world.settled();
    expect(reply.headers).toMatchObject({ 'x-ratelimit-limit-requests': '7' });
    expect(reply.headers).not.toHaveProperty('x-ratelimit-remaining-requests');
  });

  it.each([
    ['requests', 61_000, 429, { type: 'requests', code: 'rate_limit_exceeded' }, '60'],
    ['tokens', 1_200, 429, { type: 'tokens', code: 'rate_limit_exceeded' }, '2'],
    ['concurrency', 10, 429, { type: 'requests', code: 'concurrency_limit_exceeded' }, '1'],
    ['budget', 1_000, 429, { type: 'insufficient_quota', code: 'budget_reserved' }, '1'],
  ] as const)('beyond its %s is refused before anybody is called, and recorded', async (name, retryAfterMs, status, error, retryAfter) => {
    const world = worldWith(new FakeLimiter(ALL, { ok: false, limited: { name, scope: 'customer', limit: 60, retryAfterMs, spent: false, states } }));
    const reply = world.ask({ ...ask, max_tokens: 1 });
    await world.settled();
    expect(reply.status).toBe(status);
    expect(reply.json.error).toMatchObject(error);
    expect(reply.headers).toMatchObject({ 'retry-after': retryAfter, 'x-ratelimit-limit-requests': '60', 'x-apex-error': error.code });
    expect(world.upstream.requests).toEqual([]);
    expect(world.recorder.closed[0]!.record).toMatchObject({ status: 'denied', http_status: 429, error_code: error.code, cost_pd: 0 });
  });

  it('beyond a budget that is spent is not to be tried again', async () => {
    const world = worldWith(new FakeLimiter(ALL, { ok: false, limited: { name: 'platform_budget', scope: 'customer', limit: 5_000_000, retryAfterMs: 86_400_000, spent: true, states: [] } }));
    const reply = world.ask({ ...ask, max_tokens: 1 });
    await world.settled();
    expect(reply.headers).toMatchObject({ 'retry-after': '86400', 'x-should-retry': 'false' });
    expect(reply.json.error).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota', message: expect.stringContaining('$5') });
  });

  it('on Anthropic\'s surface speaks of them as Anthropic does', async () => {
    expect(limitHeaders(states, 'messages', Date.UTC(2026, 10, 23))).toEqual([
      'anthropic-ratelimit-requests-limit', '60', 'anthropic-ratelimit-requests-remaining', '59', 'anthropic-ratelimit-requests-reset', '2026-11-23T00:01:01.500Z',
      'anthropic-ratelimit-tokens-limit', '100000', 'anthropic-ratelimit-tokens-remaining', '99000', 'anthropic-ratelimit-tokens-reset', '2026-11-23T00:00:00.250Z',
    ]);
    const world = worldWith(new FakeLimiter(ALL, { ok: false, limited: { name: 'requests', scope: 'key', limit: 1, retryAfterMs: 3_000, spent: false, states } }));
    const reply = world.ask({ model: 'anthropic/claude-sonnet-4-5', max_tokens: 1, messages: ask.messages }, { surface: 'messages' });
    await world.settled();
    expect(reply.json).toMatchObject({ type: 'error', error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' } });
    expect(reply.headers).toMatchObject({ 'retry-after': '3', 'anthropic-ratelimit-requests-limit': '60' });
  });

  it('that waited for its limits while its client left calls nobody, and gives everything back', async () => {
    const limiter = new FakeLimiter();
    const world = worldWith(limiter);
    const reply = new FakeReply(world.log);
    limiter.reserve = (_claim, _enforced, done) => {
      reply.gone = true;
      done({ ok: true, reservation: { settle: (usage) => void limiter.settled.push(usage), states: () => [] } });
    };
    world.ask(ask, { reply });
    await world.settled();
    expect(world.upstream.requests).toEqual([]);
    expect(world.recorder.closed[0]!.record).toMatchObject({ error_code: 'client_closed_request' });
    expect(limiter.settled).toEqual([{ tokens: 0, costPd: 0, platformCostPd: 0 }]);
  });
});
