import OpenAI from 'openai';
import { createDataSource } from '@apex/database';
import { type Receipt, type ReceiptView, computeReceipt } from '@apex/usage';
import { findBreak, receiptHash } from '../../libs/usage/src/core/savings/chain.js';
import { eventually, until } from '../support/eventually.js';
import { type Apex, startApex } from './support/apex.js';
import { ledgerOf } from './support/ledger.js';

const MODEL = 'gpt-4o-mini';
const change = { reason: 'a test' };

/** Everybody is treated, so that every request may be saved. */
const POLICY = {
  schema: 1,
  experiment: { controlPpm: 0 },
  mechanisms: {
    exact_cache: { enabled: true, ttlSeconds: 600, sampled: false },
    prompt_cache: { enabled: false },
    compression: { enabled: false },
    routing: { enabled: false },
    semantic_cache: { enabled: false },
  },
};

interface Savings {
  readonly total: { readonly receipts: number; readonly void: number; readonly savingPicodollars: string; readonly mechanisms: Readonly<Record<string, { readonly receipts: number; readonly savingPicodollars: string }>> };
  readonly experiment: { readonly secretHash: string };
}

let apex: Apex;
let openai: OpenAI;

beforeAll(async () => {
  apex = await startApex();
  openai = new OpenAI({ apiKey: apex.apiKey, baseURL: `${apex.baseUrl}/v1`, maxRetries: 0 });
  const drafted = await apex.api<{ id: string }>('POST', '/api/admin/policies', { customerId: 'demo', document: POLICY, ...change });
  expect(drafted.status).toBe(201);
  for (const step of ['validate', 'activate']) expect((await apex.api('POST', `/api/admin/policies/${drafted.body.id}/${step}`, change)).status).toBe(200);
}, 90_000);

afterAll(async () => {
  await apex?.close();
}, 60_000);

const ask = (content: string) => openai.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content }], temperature: 0 }).withResponse();
const own = <T>(path: string) => apex.api<T>('GET', path, undefined, apex.apiKey);

async function receiptOf(requestId: string): Promise<ReceiptView> {
  return eventually('a receipt', async () => {
    const { status, body } = await own<ReceiptView>(`/api/receipts/${requestId}`);
    return status === 200 ? body : undefined;
  });
}

async function allReceipts(): Promise<ReceiptView[]> {
  const response = await fetch(`${apex.baseUrl}/api/receipts?from=2020-01-01`, { headers: { authorization: `Bearer ${apex.apiKey}` } });
  expect(response.headers.get('content-type')).toMatch('application/jsonl');
  return (await response.text()).trimEnd().split('\n').map((line) => JSON.parse(line) as ReceiptView);
}

it('a hundred who ask the same at once make one call, and get one answer', async () => {
  let answers: Awaited<ReturnType<typeof ask>>[] = [];
  const calls = await ledgerOf(apex.simulator, async () => {
    answers = await Promise.all(Array.from({ length: 100 }, () => ask('What is the airspeed of an unladen swallow?')));
  });
  expect(calls).toHaveLength(1);
  expect(new Set(answers.map(({ data }) => data.choices[0]?.message.content)).size).toBe(1);
  const mechanisms = answers.map(({ response }) => response.headers.get('x-apex-mechanism'));
  expect(mechanisms.filter((mechanism) => mechanism === 'exact_cache')).toHaveLength(99);
}, 60_000);

it('a stream that comes again is the stream it was, and calls nobody', async () => {
  const stream = async (): Promise<string> => {
    const chunks: string[] = [];
    for await (const chunk of await openai.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: 'Count to five.' }], temperature: 0, stream: true, stream_options: { include_usage: true } })) chunks.push(JSON.stringify(chunk));
    return chunks.join('\n');
  };
  const first = await stream();
  let again = '';
  expect(await ledgerOf(apex.simulator, async () => void (again = await stream()))).toHaveLength(0);
  expect(again).toBe(first);
});

it('what was saved is in the books to the picodollar, and anyone can compute it again', async () => {
  const paid = await ask('The price of tea?');
  const saved = await ask('The price of tea?');
  const [first, second] = await Promise.all([paid, saved].map(({ response }) => receiptOf(response.headers.get('x-request-id')!)));
  expect(first!.recorded).toMatchObject({ savingPd: 0, shares: {} });
  expect(second!.recorded).toMatchObject({ actualPd: 0, savingPd: second!.recorded.baselinePd, shares: { exact_cache: second!.recorded.baselinePd }, status: 'billable' });
  expect(second!.recorded.baselinePd).toBe(first!.recorded.actualPd);
  expect(saved.response.headers.get('x-apex-savings-usd')).toBe(`0.${String(second!.recorded.savingPd).padStart(12, '0')}`);

  const views = await allReceipts();
  for (const { recorded } of views) expect(computeReceipt(recorded.requestId, recorded.customerId, recorded.inputs)).toEqual(recorded);
  const { body } = await own<Savings>('/api/savings?from=2020-01-01');
  const sum = (pick: (receipt: Receipt) => number): string => String(views.reduce((total, { current }) => total + BigInt(pick(current)), 0n));
  expect(body.total).toMatchObject({ receipts: views.length, savingPicodollars: sum(({ savingPd }) => savingPd) });
  expect(body.total.mechanisms['exact_cache']!.savingPicodollars).toBe(sum(({ shares }) => shares.exact_cache ?? 0));
  expect(body.experiment.secretHash).toMatch(/^[0-9a-f]{64}$/);
});

it('an answer that the customer rejects saves nothing, for its own customer only', async () => {
  await ask('Is this good?');
  const { response } = await ask('Is this good?');
  const requestId = response.headers.get('x-request-id')!;
  await receiptOf(requestId);
  expect((await apex.api('POST', '/api/feedback', { requestId, verdict: 'rejected' }, null)).status).toBe(401);
  const told = await apex.api('POST', '/api/feedback', { requestId, verdict: 'rejected' }, apex.apiKey);
  expect(told).toMatchObject({ status: 200, body: { changed: true } });
  expect((await apex.api('POST', '/api/feedback', { requestId, verdict: 'rejected' }, apex.apiKey)).body).toMatchObject({ changed: false });
  expect((await receiptOf(requestId)).current).toMatchObject({ status: 'void', reason: 'rejected', savingPd: 0 });
  const unknown = await apex.api('POST', '/api/feedback', { requestId: '01956c00-0000-7000-8000-000000000001', verdict: 'rejected' }, apex.apiKey);
  expect(unknown).toMatchObject({ status: 404, body: { error: { code: 'receipt_not_found' } } });
});

it('a kill switch stops the mechanism, and the decision says so', async () => {
  const decide = () => apex.api<{ mechanisms: unknown }>('POST', '/api/decide', { model: MODEL, deterministic: true }, apex.apiKey);
  expect((await decide()).body.mechanisms).toContainEqual({ mechanism: 'exact_cache', use: true, reason: 'allowed' });
  await ask('Killed?');
  await apex.api('PUT', '/api/admin/flags/kill_exact_cache', { enabled: true, ...change });
  expect((await decide()).body.mechanisms).toContainEqual({ mechanism: 'exact_cache', use: false, reason: 'kill_switch' });
  expect(await ledgerOf(apex.simulator, () => ask('Killed?'))).toHaveLength(1);
  await apex.api('PUT', '/api/admin/flags/kill_exact_cache', { enabled: false, ...change });
});

it('a policy that does not validate is refused by what is wrong with it', async () => {
  const { status, body } = await apex.api<{ error: { code: string; message: string } }>('POST', '/api/admin/policies', { document: { ...POLICY, experiment: { controlPpm: 0.5 } }, ...change });
  expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'invalid_policy' });
  expect(body.error.message).toContain('controlPpm');
});

it('the chain holds over a process that died in mid-traffic', async () => {
  await Promise.allSettled([...Array.from({ length: 40 }, (_, index) => ask(`Before the end: ${index % 10}`)), new Promise((resolve) => setImmediate(resolve)).then(() => apex.kill())]);
  await apex.start();
  await ask('After the end.');
  await until(async () => (await allReceipts()).every(({ link }) => link !== null), 'every receipt sealed', 20_000);
  const views = await allReceipts();
  expect(findBreak('demo', null, await wholeChain())).toBeNull();
  for (const { recorded, link } of views) expect(link!.contentHash).toBe(receiptHash(recorded));
}, 90_000);

/** The whole chain, adjustments too, from the database itself. */
async function wholeChain() {
  const dataSource = createDataSource({ url: apex.databaseUrl, entities: [], migrations: [] });
  await dataSource.initialize();
  try {
    const rows = await dataSource.query<Array<{ seq: string; kind: 'receipt' | 'adjustment'; id: string; content_hash: string; prev_hash: string; hash: string }>>(`select * from receipt_chain where customer_id = 'demo' order by seq`);
    return rows.map((row) => ({ seq: Number(row.seq), kind: row.kind, id: row.id, contentHash: row.content_hash, prevHash: row.prev_hash, hash: row.hash }));
  } finally {
    await dataSource.destroy();
  }
}
