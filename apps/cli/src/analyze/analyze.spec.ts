import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { jest } from '@jest/globals';
import { GenaiPriceBook } from '@apex/llm';
import { analyze } from '../analyze.js';
import { PoissonBootstrap } from './bootstrap.js';
import { type LoggedCall, readCall } from './logged-call.js';
import { WhatIf } from './what-if.js';

const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }], temperature: 0 };
const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };
/** 1,000 x $0.15/M + 100 x $0.60/M */
const COST = 210_000_000n;

const lines: ReadonlyArray<readonly [string, object]> = [
  ['OpenAI', { request: body, response: { id: 'x', usage }, timestamp: '2026-11-01T00:00:00Z' }],
  ['OpenAI', { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body, response: { status_code: 200, body: { usage } } }],
  ['OpenAI', { ...body, usage, created: 1_790_000_000 }],
  ['LiteLLM', { call_type: 'acompletion', custom_llm_provider: 'openai', model: 'gpt-4o-mini', messages: body.messages, model_parameters: { temperature: 0 }, prompt_tokens: 1_000, completion_tokens: 100, startTime: 1_790_000_000.5, status: 'success' }],
  ['Helicone', { request_body: JSON.stringify(body), response_body: { usage }, request_created_at: '2026-11-01 00:00:00', provider: 'OPENAI', response_status: 200 }],
  ['Langfuse', { traceId: 't', type: 'GENERATION', model: 'gpt-4o-mini', modelParameters: { temperature: 0 }, input: body.messages, startTime: '2026-11-01T00:00:00Z', usageDetails: { input: 1_000, output: 100 } }],
];

const read = (line: object): LoggedCall => {
  const reading = readCall(line);
  if (!reading.ok) throw new Error(reading.reason);
  return reading.call;
};
const whatIf = (calls: readonly LoggedCall[]) => {
  const analysis = new WhatIf(new GenaiPriceBook(), { exactTtlMs: 3_600_000, prefixTtlMs: 300_000 });
  for (const call of calls) analysis.add(call);
  return analysis.result();
};

describe('a line of a log', () => {
  it.each(lines)('of %s gives the call', (format, line) => {
    const reading = readCall(line);
    expect(reading).toMatchObject({ ok: true, format, call: { provider: 'openai', model: 'gpt-4o-mini', deterministic: true, ok: true, usage: { promptTokens: 1_000, completionTokens: 100 } } });
  });

  it('is the same call in every format', () => {
    const calls = lines.map(([, line]) => read(line));
    expect(new Set(calls.map(({ prompt }) => prompt)).size).toBe(1);
    expect(new Set(calls.map(({ settings }) => settings)).size).toBe(1);
  });

  it.each([
    [[], 'unknown_format'],
    [{ hello: 1 }, 'unknown_format'],
    [{ request: body, response: {} }, 'no_usage'],
    [{ request: body, response: { usage: { prompt_tokens: -1 } } }, 'no_usage'],
  ])('that says too little is left out, and why: %j', (line, reason) => {
    expect(readCall(line)).toEqual({ ok: false, reason });
  });
});

describe('what Apex would have saved', () => {
  const call = read(lines[0]![1]);
  const at = (ms: number, change: Partial<LoggedCall> = {}): LoggedCall => ({ ...call, at: 1_790_000_000_000 + ms, ...change });

  it('by the exact cache is the whole of what was asked before, within its time', () => {
    expect(whatIf([at(0), at(1), at(3_600_000), at(3_600_001)])).toMatchObject({ calls: 4, costPd: 4n * COST, exactCache: { calls: 2, pd: 2n * COST } });
  });

  it('is nothing where anything differs that shapes the answer, or nothing was answered', () => {
    const others = [at(1, { prompt: 'other' }), at(2, { settings: 'other' }), at(3, { model: 'gpt-4o' })];
    expect(whatIf([at(0), ...others]).exactCache.calls).toBe(0);
    expect(whatIf([at(0, { ok: false }), at(1)]).exactCache.calls).toBe(0);
    expect(whatIf([at(0, { deterministic: false }), at(1, { deterministic: false })])).toMatchObject({ exactCache: { calls: 0 }, exactCacheOptIn: { calls: 1, pd: COST } });
  });

  it('by the prompt cache pays to write, then reads, and leaves alone who caches already', () => {
    const prompt = 'p'.repeat(40_960);
    const long = (n: number, change: Partial<LoggedCall> = {}): LoggedCall =>
      at(n * 1_000, { provider: 'anthropic', model: 'claude-sonnet-4-5', prompt: prompt + String(n).repeat(10), usage: { ...call.usage, promptTokens: 10_000 }, ...change });
    const two = whatIf([long(0), long(1)]).promptCache;
    // Written at a quarter more than the plain price of $3/M; read at a tenth of it.
    expect(two).toMatchObject({ calls: 1 });
    expect(two.pd).toBeLessThan(0n);
    const ten = whatIf(Array.from({ length: 10 }, (_, n) => long(n))).promptCache;
    expect(ten.calls).toBe(9);
    expect(ten.pd).toBeGreaterThan(-two.pd * 20n);
    expect(whatIf([0, 1, 2, 3].map((n) => long(n, { provider: 'openai', model: 'gpt-4o' }))).promptCache.calls).toBe(0);
    expect(whatIf([0, 1, 2, 3].map((n) => long(n, { usage: { ...call.usage, promptTokens: 10_000, cachedTokens: 9_000 } }))).promptCache.calls).toBe(0);
    expect(whatIf([long(0), long(400), long(800)]).promptCache.calls).toBe(0);
  });

  it('comes with what could not be priced, and the same interval each time', () => {
    const calls = Array.from({ length: 60 }, (_, n) => at(n, { conversation: `c${n % 12}`, prompt: `p${n % 20}` }));
    const first = whatIf(calls);
    expect(first.interval).toEqual(whatIf(calls).interval);
    const share = Number(first.exactCache.pd) / Number(first.costPd);
    expect(first.interval!.low).toBeLessThan(share);
    expect(first.interval!.high).toBeGreaterThan(share);
    expect(whatIf([at(0, { model: 'no-such-model' })])).toMatchObject({ unpriced: 1, costPd: 0n, interval: null });
  });
});

describe('the bootstrap', () => {
  it('covers the ratio of the population about as often as it says', () => {
    let covered = 0;
    for (let sample = 0; sample < 200; sample++) {
      const bootstrap = new PoissonBootstrap();
      // Half of what clusters of varying size spend is saved in a third of them, all of it.
      for (let cluster = 0; cluster < 100; cluster++) {
        const size = 1 + ((cluster * 7 + sample) % 5);
        const isSaved = Math.sin(sample * 1_000 + cluster * 12.9898) * 43_758.5453;
        bootstrap.add(`${sample} ${cluster}`, size, isSaved - Math.floor(isSaved) < 1 / 3 ? size : 0);
      }
      const { low, high } = bootstrap.interval();
      if (low <= 1 / 3 && 1 / 3 <= high) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.88);
    expect(covered / 200).toBeLessThan(0.99);
  });
});

describe('apex analyze', () => {
  let folder: string;
  const printed: string[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'apex-analyze-'));
    printed.length = 0;
    jest.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  it('reports a log as text, JSON and a page that needs nothing else', async () => {
    const file = join(folder, '<log>.jsonl.gz');
    writeFileSync(file, gzipSync([...lines.map(([, line]) => JSON.stringify(line)), '', '{"x":1}'].join('\n')));
    const [json, html] = [join(folder, 'out.json'), join(folder, 'out.html')];
    expect(await analyze([file, '--json', json, '--html', html])).toBe(0);
    expect(printed.join('\n')).toContain('Apex would have saved');
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ calls: 6, skipped: { unknown_format: 1 }, costPicodollars: String(6n * COST) });
    const page = readFileSync(html, 'utf8');
    expect(page).toContain('&lt;log&gt;');
    expect(page).not.toMatch(/<script|https?:/);
  });

  it.each([
    [['missing.jsonl'], /cannot be read/],
    [[], /Usage/],
    [['a', 'b'], /Usage/],
    [['a', '--ttl', 'x'], /Usage/],
    [['a', '--what'], /Usage/],
  ])('says what is wrong with %j', async (args, message) => {
    await expect(analyze(args)).rejects.toThrow(message);
  });

  it('names the line that is not JSON, and a file without calls', async () => {
    const file = join(folder, 'bad.jsonl');
    writeFileSync(file, '{"request":{}}\n{');
    await expect(analyze([file])).rejects.toThrow(/Line 2 is not JSON/);
    writeFileSync(file, '{"x":1}\n');
    await expect(analyze([file])).rejects.toThrow(/no call that was understood/);
    writeFileSync(file, '\n');
    await expect(analyze([file])).rejects.toThrow(/holds no calls/);
  });
});
