import { request } from 'node:http';
import { type LedgerEntry, type RunningSimulator, startSimulator } from '@apex/simulator';
import { type Apex, startApex } from '../support/apex.js';
import { eventually } from '../../support/eventually.js';
import { whenBusy } from '../support/ledger.js';
import { environmentFor, modelAt, providers } from './providers.js';
import { bodyOf } from './traffic.js';

/** What is promised: so long after its client has left, a provider has been told. */
const WITHIN_MS = 100;
/** On a machine that has other things to do one of so many tries has to be in time. Where nothing is cancelled none is. */
const TRIES = 3;

const SURFACES = ['chat', 'responses', 'messages'] as const;
const PATHS = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' } as const;
const EMBEDDINGS = 'text-embedding-3-small';
const [FIRST, SECOND] = ['gpt-4o-mini', 'claude-haiku-4-5'];

/** A route for each try: its first request may be sent twice, and then it has to save up for the next. */
const hedgedModel = (surface: string, index: number): string => `hedged-${surface}-${index}`;

let fast: RunningSimulator;
let slow: RunningSimulator;
let apex: Apex;

beforeAll(async () => {
  [fast, slow] = await Promise.all([startSimulator({ speed: 0 }), startSimulator({ speed: 1 })]);
  const hedged = { targets: [`slow-openai/${FIRST}`], fallbacks: [`slow-anthropic/${SECOND}`], hedgeAfterMs: 50 };
  const routes = Object.fromEntries(SURFACES.flatMap((surface) => Array.from({ length: TRIES }, (_, i) => [hedgedModel(surface, i), hedged])));
  apex = await startApex({ simulator: fast, env: { ...environmentFor(fast, slow), APEX_ROUTES: JSON.stringify(routes) } });
}, 90_000);

afterAll(async () => {
  await apex?.close();
  await Promise.all([fast?.close(), slow?.close()]);
}, 60_000);

/** The simulated provider never answers requests for these models. */
async function hang(...models: readonly string[]): Promise<void> {
  const rules = models.map((model) => ({ fault: 'hang', probability: 1, model }));
  expect((await fetch(`${slow.origin}/__sim/faults`, { method: 'PUT', body: JSON.stringify(rules) })).status).toBe(200);
}

interface Cut {
  /** How long after its client had left the provider took notice; of several calls the longest. */
  readonly ms: number;
  readonly rows: readonly LedgerEntry[];
}

/** Sends a request, hangs up when that many calls are under way at the provider, and the answer has begun if it is to. */
async function leave(path: string, body: unknown, calls: number, midstream: boolean): Promise<Cut> {
  await slow.settled();
  const before = slow.ledger().length;
  const client = request(apex.baseUrl + path, { method: 'POST', agent: false, headers: { authorization: `Bearer ${apex.apiKey}`, 'content-type': 'application/json' } });
  client.on('error', () => undefined);
  const begun = new Promise<void>((resolve) => client.on('response', (response) => response.on('error', () => undefined).once('data', () => resolve())));
  let leftAt: number;
  client.end(JSON.stringify(body));
  try {
    await (midstream ? begun : whenBusy(slow, calls, before));
  } finally {
    leftAt = Date.now();
    client.destroy();
  }
  const rows = await eventually('the provider noticing', () => (slow.ledger().length >= before + calls ? slow.ledger().slice(before) : undefined));
  return { ms: Math.max(...rows.map(({ endedAt }) => Date.parse(endedAt) - leftAt)), rows };
}

async function expectCancelled(attempt: (index: number) => Promise<Cut>, outcomes: readonly string[]): Promise<void> {
  let best = Infinity;
  for (let i = 0; i < TRIES && best > WITHIN_MS; i++) {
    const { ms, rows } = await attempt(i);
    // The provider was done before its client had left: on a busy machine that happens, and says nothing.
    if (rows.every(({ outcome }) => outcome === 'completed')) continue;
    expect(rows.map(({ outcome }) => outcome)).toEqual(outcomes);
    best = Math.min(best, ms);
  }
  expect(best).toBeLessThanOrEqual(WITHIN_MS);
}

const cells = SURFACES.flatMap((surface) => providers.map((provider) => [surface, provider.name, provider] as const));

describe(`a client that leaves is told to the provider within ${WITHIN_MS} ms`, () => {
  it.each(cells)('%s to %s, before the answer', async (surface, _name, provider) => {
    const body = bodyOf(surface, { model: modelAt(provider, true), text: 'A long story, please.' });
    await expectCancelled(() => leave(PATHS[surface], body, 1, false), ['client_gone']);
  });

  it.each(cells)('%s to %s, in the middle of a stream', async (surface, _name, provider) => {
    const body = bodyOf(surface, { model: modelAt(provider, true), text: 'A long story, please.', stream: true });
    await expectCancelled(() => leave(PATHS[surface], body, 1, true), ['client_gone']);
  });

  it.each(['openai', 'compatible'])('embeddings to %s', async (provider) => {
    await hang(EMBEDDINGS);
    await expectCancelled(() => leave('/v1/embeddings', { model: `slow-${provider}/${EMBEDDINGS}`, input: 'words' }, 1, false), ['hung']);
  });

  it.each(SURFACES)('%s, asked of two providers at once', async (surface) => {
    await hang(FIRST, SECOND);
    const attempt = (index: number): Promise<Cut> => leave(PATHS[surface], bodyOf(surface, { model: hedgedModel(surface, index), text: 'Hello?' }), 2, false);
    await expectCancelled(attempt, ['hung', 'hung']);
  });
});
