import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LedgerEntry } from './core/ledger.js';
import { Bench, chunksOf } from './spec-support.js';
import { startSimulator } from './start-simulator.js';

type Usage = { prompt_tokens: number; completion_tokens?: number; prompt_tokens_details?: { cached_tokens: number }; completion_tokens_details?: { reasoning_tokens: number } };

describe('the ledger', () => {
  it('has one row per attempt, and their sum is what clients were told, 64 at a time', async () => {
    const bench = await Bench.start();
    const system = { role: 'system', content: 'You know the sea. '.repeat(300) };
    const told = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
    const add = (usage: Usage): void => {
      told.promptTokens += usage.prompt_tokens;
      told.cachedTokens += usage.prompt_tokens_details?.cached_tokens ?? 0;
      told.completionTokens += usage.completion_tokens ?? 0;
      told.reasoningTokens += usage.completion_tokens_details?.reasoning_tokens ?? 0;
    };
    const kinds = [
      async (id: string): Promise<void> => add((await (await bench.chat({ n: 2 }, { id })).json() as { usage: Usage }).usage),
      async (id: string): Promise<void> => add((await (await bench.chat({ model: 'o4-mini', messages: [system, { role: 'user', content: id }] }, { id })).json() as { usage: Usage }).usage),
      async (id: string): Promise<void> => add(chunksOf(await (await bench.chat({ stream: true, stream_options: { include_usage: true } }, { id })).text()).at(-1)?.usage as Usage),
      async (id: string): Promise<void> => add((await (await bench.post('/embeddings', { model: 'text-embedding-3-small', input: [id, 'x'] }, { id })).json() as { usage: Usage }).usage),
      async (id: string): Promise<void> => { await (await bench.chat({ metadata: { simulate: '500' } }, { id })).text(); },
    ];
    const ids = Array.from({ length: 600 }, (_, index) => `attempt ${index}`);
    let next = 0;
    await Promise.all(Array.from({ length: 64 }, async () => {
      for (let at = next++; at < ids.length; at = next++) await kinds[at % kinds.length]?.(ids[at] as string);
    }));
    const rows = bench.simulator.ledger();
    expect(rows.map((row) => row.attemptId).sort()).toEqual([...ids].sort());
    const sum = (key: keyof typeof told): number => rows.reduce((total, row) => total + row[key], 0);
    expect({ promptTokens: sum('promptTokens'), cachedTokens: sum('cachedTokens'), completionTokens: sum('completionTokens'), reasoningTokens: sum('reasoningTokens') }).toEqual(told);
    expect(told.cachedTokens).toBeGreaterThan(0);
    expect(rows.filter((row) => row.billed)).toHaveLength(480);

    const origin = bench.simulator.origin;
    expect(await (await fetch(`${origin}/__sim/ledger`)).json()).toEqual(rows);
    const lines = await fetch(`${origin}/__sim/ledger?format=jsonl`);
    expect(lines.headers.get('x-ledger-dropped')).toBe('0');
    expect((await lines.text()).trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(rows);
    expect((await fetch(`${origin}/__sim/ledger`, { method: 'DELETE' })).status).toBe(204);
    expect(await (await fetch(`${origin}/__sim/ledger`)).json()).toEqual([]);
    await bench.simulator.close();
  });

  it('bills a client that leaves a stream for what had been generated, and tells nobody', async () => {
    const bench = await Bench.start(0.05);
    const abort = new AbortController();
    const response = await bench.chat({ stream: true, metadata: { simulate_tokens: '4000' } }, { id: 'gone', signal: abort.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    const seen = chunksOf(Buffer.from(value as Uint8Array).toString()).length;
    abort.abort();
    await reader.read().catch(() => undefined);
    const row = await bench.row('gone');
    expect(row).toMatchObject({ outcome: 'client_gone', httpStatus: 200, billed: true, promptTokens: 12 });
    expect(row.completionTokens).toBeGreaterThanOrEqual(seen - 1);
    expect(row.completionTokens).toBeLessThan(4_000);
    await bench.simulator.close();
  });

  it('notices a client that leaves even when it answers instantly', async () => {
    const bench = await Bench.start(0);
    const abort = new AbortController();
    const response = await bench.chat({ stream: true, metadata: { simulate_tokens: '16000' } }, { id: 'gone', signal: abort.signal });
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    abort.abort();
    const row = await bench.row('gone');
    expect(row.outcome).toBe('client_gone');
    expect(row.completionTokens).toBeLessThan(16_000);
    await bench.simulator.close();
  });

  it('bills a client that does not wait for its answer for less than the whole', async () => {
    const bench = await Bench.start(1);
    const abort = new AbortController();
    const pending = bench.chat({ metadata: { simulate_tokens: '4000' } }, { id: 'impatient', signal: abort.signal }).catch(() => undefined);
    await bench.inFlight(1);
    abort.abort();
    await pending;
    const row = await bench.row('impatient');
    expect(row).toMatchObject({ outcome: 'client_gone', httpStatus: null });
    expect(row.completionTokens).toBeLessThan(4_000);
    await bench.simulator.close();
  });

  it('writes a row for a client that leaves while it is sending', async () => {
    const bench = await Bench.start(0);
    const abort = new AbortController();
    const body = new ReadableStream({ start(controller) { controller.enqueue(Buffer.from('{"model":')); } });
    const pending = fetch(`${bench.simulator.url}/chat/completions`, { method: 'POST', body, duplex: 'half', signal: abort.signal, headers: { authorization: 'Bearer k', 'x-client-request-id': 'half' } } as RequestInit).catch(() => undefined);
    await bench.inFlight(1);
    abort.abort();
    await pending;
    expect(await bench.row('half')).toMatchObject({ outcome: 'client_gone', model: null, billed: false, httpStatus: null });
    await bench.simulator.close();
  });
});

describe('startSimulator', () => {
  it('closes at once with requests in flight, gives them their rows, and appends all rows to the file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
    const ledgerFile = join(folder, 'ledger.jsonl');
    const bench = await Bench.start(1, ledgerFile);
    const { simulator } = bench;
    const post = (id: string, body: object): Promise<unknown> => fetch(`${simulator.url}/chat/completions`, { method: 'POST', headers: { authorization: 'Bearer k', 'x-client-request-id': id }, body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }], ...body }) }).then((response) => response.text()).catch(() => 'broken');
    const pending = [post('hang', { metadata: { simulate: 'hang' } }), post('stream', { stream: true, metadata: { simulate_tokens: '5000' } })];
    await bench.inFlight(2);
    await simulator.close();
    await simulator.close();
    expect(await Promise.all(pending)).toEqual(['broken', 'broken']);
    const rows = simulator.ledger();
    expect(Object.fromEntries(rows.map((row) => [row.attemptId, row.outcome]))).toEqual({ hang: 'hung', stream: 'cut' });
    expect(readFileSync(ledgerFile, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as LedgerEntry)).toEqual(rows);
    rmSync(folder, { recursive: true });
  });

  it('says where it is, and refuses a port that is taken', async () => {
    const simulator = await startSimulator({ speed: 0 });
    expect([simulator.origin, simulator.url]).toEqual([`http://127.0.0.1:${simulator.port}`, `http://127.0.0.1:${simulator.port}/v1`]);
    await expect(startSimulator({ port: simulator.port })).rejects.toThrow('EADDRINUSE');
    await simulator.close();
  });
});
