import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { type Apex, startApex } from '../support/apex.js';
import { openBooks } from '../support/books.js';
import { expectExactBooks } from '../support/exactness.js';
import { Load } from '../support/load.js';
import { mixedRequest } from './traffic.js';

const REQUESTS = 3_000;
const CONCURRENCY = 64;
const LIMIT_MS = 180_000;

let simulator: RunningSimulator;
let apex: Apex;

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0 });
  apex = await startApex({
    simulator,
    env: {
      ANTHROPIC_BASE_URL: simulator.anthropicUrl,
      ANTHROPIC_API_KEY: 'sk-sim',
      GEMINI_BASE_URL: simulator.geminiUrl,
      GEMINI_API_KEY: 'sk-sim',
      APEX_PROVIDERS: JSON.stringify([{ name: 'compatible', baseUrl: simulator.url, apiKeyEnv: 'COMPATIBLE_API_KEY', priceAs: 'openai' }]),
      COMPATIBLE_API_KEY: 'sk-sim',
    },
  });
}, 90_000);

afterAll(async () => {
  await apex?.close();
  await simulator?.close();
}, 60_000);

describe(`${REQUESTS} requests on all surfaces to all kinds of providers`, () => {
  it('are in the books to the token and the picodollar', async () => {
    const sent = await new Load(apex, { seed: 11, requests: REQUESTS, concurrency: CONCURRENCY, plan: mixedRequest }).run();
    expect(sent.filter(({ end }) => end === 'broken' || end === 'refused').map(({ plan, end, status }) => ({ end, status, body: plan.body }))).toEqual([]);
    await expectExactBooks(apex, sent);
    await expectEveryMeeting();
  }, LIMIT_MS);
});

/** The comparison above would be empty where nothing was sent: every surface has met every provider, and what costs by itself came up. */
async function expectEveryMeeting(): Promise<void> {
  const books = await openBooks(apex.databaseUrl);
  try {
    const finals = (await books.records()).filter(({ status }) => status === 'final');
    const meetings = new Set(finals.map(({ surface, provider, stream }) => `${surface} ${provider} ${stream ? 'stream' : 'whole'}`));
    const expected = ['chat.completions', 'responses', 'messages'].flatMap((surface) => ['openai', 'compatible', 'anthropic', 'gemini'].flatMap((provider) => ['stream', 'whole'].map((form) => `${surface} ${provider} ${form}`)));
    expect([...meetings].sort()).toEqual([...expected, 'embeddings openai whole'].sort());
    for (const provider of ['openai', 'anthropic', 'gemini']) expect(finals.filter((record) => record.provider === provider && record.cached_tokens > 0).length).toBeGreaterThan(0);
    expect(finals.filter((record) => record.provider === 'anthropic' && record.cache_write_tokens > 0).length).toBeGreaterThan(0);
    for (const provider of ['openai', 'gemini']) expect(finals.filter((record) => record.provider === provider && record.reasoning_tokens > 0).length).toBeGreaterThan(0);
  } finally {
    await books.close();
  }
}
