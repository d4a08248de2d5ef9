import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { type AttemptRow } from '@apex/usage';
import { type Apex, startApex } from '../support/apex.js';
import { openBooks } from '../support/books.js';
import { eventually } from '../../support/eventually.js';
import { expectBooksToAgree } from '../support/exactness.js';
import { whenBusy } from '../support/ledger.js';
import { Load, type Sent } from '../support/load.js';
import { type PlannedRequest, randomFrom } from '../support/plan.js';
import { bodyOf, STREAM_ENDS } from './traffic.js';

const LIMIT_MS = 150_000;
const CONCURRENCY = 64;
const PRIMARY = 'gpt-4o-mini';
const SECOND = 'claude-haiku-4-5';
const LAST = 'gemini-2.5-flash';
const PATHS = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' } as const;

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 90_000);

/** The first provider of the chain has an address of its own, to be taken away; the others share one. */
interface Scene {
  readonly apex: Apex;
  readonly primary: RunningSimulator;
  readonly others: RunningSimulator;
}

async function simulated(port?: number): Promise<RunningSimulator> {
  const simulator = await startSimulator({ speed: 0, seed: 7, ...(port === undefined ? {} : { port }) });
  ends.push(() => simulator.close());
  return simulator;
}

/** `chain`: three providers in three protocols, one behind the other. `alone`: the second of them. */
async function scene(env: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const [primary, others] = [await simulated(), await simulated()];
  const apex = await startApex({
    simulator: others,
    env: {
      OPENAI_BASE_URL: primary.url,
      ANTHROPIC_BASE_URL: others.anthropicUrl,
      ANTHROPIC_API_KEY: 'sk-sim',
      GEMINI_BASE_URL: others.geminiUrl,
      GEMINI_API_KEY: 'sk-sim',
      APEX_ROUTES: JSON.stringify({ chain: { targets: [`openai/${PRIMARY}`], fallbacks: [`anthropic/${SECOND}`, `gemini/${LAST}`] }, alone: { targets: [`anthropic/${SECOND}`] } }),
      ...env,
    },
  });
  ends.push(() => apex.close());
  return { apex, primary, others };
}

/** Whole and streamed requests for the chain on all surfaces; a failed attempt on the way leaves the bill open, and no more. */
function chained(seed: number, index: number): PlannedRequest {
  const random = randomFrom(Math.imul(seed, 0x9e3779b1) ^ index);
  const surface = (['chat', 'responses', 'messages'] as const)[Math.floor(random() * 3)]!;
  const stream = random() < 0.5;
  const tools = random() < 0.2;
  const text = `${tools ? 'weather in parallel' : 'tell me about'} number ${index}`;
  return { session: `chain-${seed}-${index}`, path: PATHS[surface], body: bodyOf(surface, { model: 'chain', text, stream, tools }), stream, hangUpAfterBytes: null, status: 200, disturbed: true };
}

const faults = async (simulator: RunningSimulator, rules: readonly { fault: string; probability: number; model: string }[]): Promise<void> => {
  const { status } = await fetch(`${simulator.origin}/__sim/faults`, { method: 'PUT', body: JSON.stringify(rules) });
  expect(status).toBe(200);
};

/** Every client has one whole answer. */
function expectAllAnswered(sent: readonly Sent[]): void {
  const isWhole = ({ plan, tail }: Sent): boolean => (plan.stream ? tail.includes(STREAM_ENDS[plan.path]!) : tail.trimEnd().endsWith('}'));
  const wrong = sent.filter((one) => one.status !== 200 || one.end !== 'answered' || !isWhole(one) || /"error":\{/.test(one.tail));
  expect(wrong.slice(0, 5).map(({ plan, status, end, tail }) => ({ session: plan.session, path: plan.path, stream: plan.stream, status, end, tail }))).toEqual([]);
}

async function attemptsOf(apex: Apex): Promise<readonly AttemptRow[]> {
  const books = await openBooks(apex.databaseUrl);
  try {
    return await books.attempts();
  } finally {
    await books.close();
  }
}

/** One attempt of each request was good, the last one; and no provider was asked twice for the same answer. */
function expectAnsweredOnce(attempts: readonly AttemptRow[], requests: number): void {
  const byRequest = new Map<string, AttemptRow[]>();
  for (const attempt of attempts) byRequest.set(attempt.request_id, [...(byRequest.get(attempt.request_id) ?? []), attempt]);
  expect(byRequest.size).toBe(requests);
  const wrong = [...byRequest.values()].filter((tried) => {
    const inOrder = [...tried].sort((a, b) => a.attempt_no - b.attempt_no);
    return inOrder.filter(({ status }) => status === 'final').length !== 1 || inOrder.at(-1)?.status !== 'final';
  });
  expect(wrong).toEqual([]);
}

const chat = (apex: Apex, model: string, text: string): Promise<Response> => apex.post('/v1/chat/completions', { model, messages: [{ role: 'user', content: text }] });

describe('a chain of providers in three protocols', () => {
  it('absorbs what strikes at random, and every attempt is in the books', async () => {
    const { apex, primary, others } = await scene();
    // One after the other: three in ten fail, each fault as often as the others.
    await faults(primary, [
      { fault: '429;retry_after=0.02', probability: 0.1, model: PRIMARY },
      { fault: '500', probability: 1 / 9, model: PRIMARY },
      { fault: 'disconnect', probability: 1 / 8, model: PRIMARY },
    ]);
    await faults(others, [
      { fault: '529', probability: 0.05, model: SECOND },
      { fault: 'disconnect', probability: 0.05, model: SECOND },
    ]);
    const requests = 1_500;
    const sent = await new Load(apex, { seed: 21, requests, concurrency: CONCURRENCY, plan: chained }).run();
    expectAllAnswered(sent);
    const found = await expectBooksToAgree(apex, sent, [primary, others]);
    expect(found.final + found.interrupted).toBe(requests);
    expect(found.interrupted).toBeGreaterThan(0);
    const attempts = await attemptsOf(apex);
    expectAnsweredOnce(attempts, requests);
    const goodOnes = (provider: string): number => attempts.filter((attempt) => attempt.provider === provider && attempt.status === 'final').length;
    for (const provider of ['openai', 'anthropic', 'gemini']) expect(goodOnes(provider)).toBeGreaterThan(0);
    expect(new Set(attempts.filter(({ status }) => status !== 'final').map(({ error_code: code }) => code))).toEqual(new Set(['upstream_429', 'upstream_500', 'upstream_529', 'upstream_reset']));
  }, LIMIT_MS);

  it('leaves a dead provider alone, and comes back to it when it is well', async () => {
    const { apex, primary, others } = await scene();
    const { port } = primary;
    await primary.close();
    const sent = await new Load(apex, { seed: 22, requests: 600, concurrency: CONCURRENCY, plan: chained }).run();
    expectAllAnswered(sent);
    const { neverSent } = await expectBooksToAgree(apex, sent, [others]);
    const attempts = await attemptsOf(apex);
    expectAnsweredOnce(attempts, 600);
    const refusedOnes = attempts.filter(({ provider }) => provider === 'openai');
    expect(new Set(refusedOnes.map(({ status, error_code: code }) => `${status} ${code}`))).toEqual(new Set(['failed connect_failed']));
    // Those under way when it died, twenty failures that open the breaker, and a probe now and then.
    expect(refusedOnes).toHaveLength(neverSent);
    expect(refusedOnes.length).toBeGreaterThanOrEqual(20);
    expect(refusedOnes.length).toBeLessThan(2 * CONCURRENCY);

    await simulated(port);
    await eventually('an answer of the first provider', async () => {
      const response = await chat(apex, 'chain', 'Are you back?');
      expect(response.status).toBe(200);
      return response.headers.get('x-apex-model') === PRIMARY ? true : undefined;
    }, 60_000);
    const servedBy = await Promise.all(Array.from({ length: 40 }, async (_, i) => (await chat(apex, 'chain', `Number ${i}.`)).headers.get('x-apex-model')));
    expect(new Set(servedBy)).toEqual(new Set([PRIMARY]));
  }, LIMIT_MS);

  it('goes on where a provider hangs, once its time is up', async () => {
    const { apex, primary, others } = await scene({ APEX_FIRST_BYTE_TIMEOUT_MS: '250' });
    await faults(primary, [{ fault: 'hang', probability: 1, model: PRIMARY }]);
    const sent = await new Load(apex, { seed: 23, requests: 200, concurrency: 16, plan: chained }).run();
    expectAllAnswered(sent);
    await expectBooksToAgree(apex, sent, [primary, others]);
    const attempts = await attemptsOf(apex);
    expectAnsweredOnce(attempts, 200);
    expect(new Set(attempts.filter(({ provider }) => provider === 'openai').map(({ error_code: code }) => code))).toEqual(new Set(['first_byte_timeout']));
    expect(new Set(primary.ledger().map(({ outcome }) => outcome))).toEqual(new Set(['hung']));
  }, LIMIT_MS);
});

describe('a route that asks a second provider when the first takes its time', () => {
  const HEDGE_AFTER_MS = 600;
  const routes = (hedgeAfterMs: number): string => JSON.stringify({ chain: { targets: [`openai/${PRIMARY}`], fallbacks: [`anthropic/${SECOND}`, `gemini/${LAST}`], hedgeAfterMs } });

  /** How many requests were sent twice at once. No more than one in twenty may be, and one more. */
  function expectFewHedges(attempts: readonly AttemptRow[], requests: number): number {
    const hedges = attempts.filter(({ error_code: code }) => code === 'hedge_lost').length;
    expect(hedges).toBeLessThanOrEqual(1 + requests / 20);
    return hedges;
  }

  function expectOneGoodAttemptEach(attempts: readonly AttemptRow[], requests: number): void {
    const good = attempts.filter(({ status }) => status === 'final').map(({ request_id: id }) => id);
    expect(good).toHaveLength(requests);
    expect(new Set(good).size).toBe(requests);
  }

  it('answers once, and every attempt is in the books: those that were outrun until the provider settles them', async () => {
    const { apex, primary, others } = await scene({ APEX_ROUTES: routes(HEDGE_AFTER_MS), APEX_FIRST_BYTE_TIMEOUT_MS: '2000' });
    await faults(primary, [{ fault: 'hang', probability: 0.03, model: PRIMARY }]);
    const requests = 600;
    const sent = await new Load(apex, { seed: 24, requests, concurrency: 8, plan: chained }).run();
    expectAllAnswered(sent);
    const found = await expectBooksToAgree(apex, sent, [primary, others]);
    expect(found.final + found.interrupted).toBe(requests);
    const attempts = await attemptsOf(apex);
    expectOneGoodAttemptEach(attempts, requests);
    expect(expectFewHedges(attempts, requests)).toBeGreaterThan(5);
    // Who was outrun hung, and its row with the provider says that it was let go.
    const outrun = new Set<string | null>(attempts.filter(({ error_code: code, provider }) => code === 'hedge_lost' && provider === 'openai').map(({ attempt_id: id }) => id));
    expect(new Set(primary.ledger().filter(({ attemptId }) => outrun.has(attemptId)).map(({ outcome }) => outcome))).toEqual(new Set(['hung']));
  }, LIMIT_MS);

  it('does not double the load on the others where the first never answers', async () => {
    const { apex, primary, others } = await scene({ APEX_ROUTES: routes(30), APEX_FIRST_BYTE_TIMEOUT_MS: '300' });
    await faults(primary, [{ fault: 'hang', probability: 1, model: PRIMARY }]);
    const requests = 60;
    const sent = await new Load(apex, { seed: 25, requests, concurrency: 4, plan: chained }).run();
    expectAllAnswered(sent);
    await expectBooksToAgree(apex, sent, [primary, others]);
    const attempts = await attemptsOf(apex);
    expectOneGoodAttemptEach(attempts, requests);
    const hedges = expectFewHedges(attempts, requests);
    expect(hedges).toBeGreaterThan(0);
    // A hedge that the winner outran may have answered as well, and is billed; nothing else is, but answers that a busy machine was too late for.
    const late = new Set(attempts.filter(({ error_code: code }) => code === 'first_byte_timeout').map(({ attempt_id: id }) => id));
    const billed = others.ledger().filter((attempt) => attempt.billed && !late.has(attempt.attemptId ?? '')).length;
    expect(billed).toBeGreaterThanOrEqual(requests);
    expect(billed).toBeLessThanOrEqual(requests + hedges);
  }, LIMIT_MS);
});

describe('a provider that hangs', () => {
  it('does not hold up the requests to another', async () => {
    const { apex, primary } = await scene();
    await faults(primary, [{ fault: 'hang', probability: 1, model: PRIMARY }]);
    const abort = new AbortController();
    let over = 0;
    const hanging = Array.from({ length: 128 }, (_, i) =>
      apex.post('/v1/chat/completions', { model: PRIMARY, stream: i % 2 === 0, messages: [{ role: 'user', content: `Hello ${i}?` }] }, {}, abort.signal).then(
        () => over++,
        () => over++,
      ),
    );
    await whenBusy(primary, hanging.length);
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => chat(apex, 'alone', `Number ${i}.`)));
    expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
    expect(over).toBe(0);
    abort.abort();
    await Promise.all(hanging);
    await primary.settled();
    expect(primary.ledger().map(({ outcome }) => outcome)).toEqual(hanging.map(() => 'hung'));
  }, LIMIT_MS);
});
