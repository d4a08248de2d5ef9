import { type LedgerEntry, type Protocol } from '../core/ledger.js';
import { Bench } from '../spec-support.js';

type Order = (fault: string | undefined, tokens: number | undefined) => string;
interface Init { id: string; signal?: AbortSignal }

/** The same order as the small-talk of each protocol has it: `fault;tokens=n`, or nothing. */
const directive: Order = (fault, tokens) => [...(fault === undefined ? [] : [fault]), ...(tokens === undefined ? [] : [`tokens=${tokens}`])].join(';');
const QUESTION = 'Tell me about tides.';

/** One client for all protocols. `usageIn` adds up what an answer says: prompt, cached, written, completion, reasoning. */
interface Dialect {
  readonly protocol: Protocol;
  /** How a stream ends in which generation failed. */
  readonly failure: RegExp;
  ask(bench: Bench, stream: boolean, init: Init, fault?: string, tokens?: number, system?: string): Promise<Response>;
  usageIn(text: string, stream: boolean): readonly [prompt: number, cached: number, written: number, completion: number, reasoning: number];
}

const metadata = (fault?: string, tokens?: number): object => ({ metadata: { ...(fault !== undefined && { simulate: fault }), ...(tokens !== undefined && { simulate_tokens: String(tokens) }) } });
const lastJson = (text: string, stream: boolean, wanted: string): Record<string, never> => JSON.parse(stream ? (text.split(/\r?\n/).filter((line) => line.startsWith('data: {') && line.includes(wanted)).at(-1) ?? '').slice(6) : text) as Record<string, never>;

interface Numbers { readonly [name: string]: number & Numbers }

const DIALECTS: readonly Dialect[] = [
  {
    protocol: 'openai-chat',
    failure: /\ndata: \{"error":\{[^\n]*\n\n$/,
    ask: (bench, stream, init, fault, tokens, system) => bench.chat({ model: 'o4-mini', messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), { role: 'user', content: QUESTION }], ...(stream && { stream, stream_options: { include_usage: true } }), ...metadata(fault, tokens) }, init),
    usageIn: (text, stream) => {
      const usage = lastJson(text, stream, '"usage":{')['usage'] as unknown as Numbers;
      return [usage['prompt_tokens'] as number, usage['prompt_tokens_details']?.['cached_tokens'] as number, 0, usage['completion_tokens'] as number, usage['completion_tokens_details']?.['reasoning_tokens'] as number];
    },
  },
  {
    protocol: 'openai-responses',
    failure: /\nevent: response\.failed\ndata: [^\n]*\n\n$/,
    ask: (bench, stream, init, fault, tokens, system) => bench.post('/responses', { model: 'o4-mini', input: QUESTION, instructions: system ?? null, stream, reasoning: { summary: 'auto' }, ...metadata(fault, tokens) }, init),
    usageIn: (text, stream) => {
      const json = lastJson(text, stream, '"type":"response.completed"');
      const usage = (stream ? (json['response'] as unknown as typeof json) : json)['usage'] as unknown as Numbers;
      return [usage['input_tokens'] as number, usage['input_tokens_details']?.['cached_tokens'] as number, 0, usage['output_tokens'] as number, usage['output_tokens_details']?.['reasoning_tokens'] as number];
    },
  },
  {
    protocol: 'anthropic-messages',
    failure: /\nevent: error\ndata: \{"type":"error"[^\n]*\n\n$/,
    ask: (bench, stream, init, fault, tokens, system) => bench.messages({
      max_tokens: 20_000, stream, thinking: { type: 'enabled', budget_tokens: 1_024 },
      ...(system !== undefined && { system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral', ttl: '1h' } }] }),
      ...((fault !== undefined || tokens !== undefined) && { metadata: { user_id: `simulate:${directive(fault, tokens)}` } }),
    }, init),
    usageIn: (text, stream) => {
      const usage = lastJson(text, stream, '"type":"message_delta"')['usage'] as unknown as Numbers;
      const [cached, written] = [usage['cache_read_input_tokens'] as number, usage['cache_creation_input_tokens'] as number];
      return [usage['input_tokens'] as number + cached + written, cached, written, usage['output_tokens'] as number, usage['output_tokens_details']?.['thinking_tokens'] as number];
    },
  },
  {
    protocol: 'gemini',
    failure: /\r\n\r\n\{\n {2}"error": \{[^]*\}\n$/,
    ask: (bench, stream, init, fault, tokens, system) => bench.gemini({
      contents: [{ role: 'user', parts: [{ text: `${fault !== undefined || tokens !== undefined ? `[[simulate:${directive(fault, tokens)}]]` : ''}${QUESTION}` }] }],
      ...(system !== undefined && { systemInstruction: { parts: [{ text: system }] } }),
      generationConfig: { thinkingConfig: { includeThoughts: true } },
    }, { ...init, method: stream ? 'streamGenerateContent?alt=sse' : 'generateContent' }),
    usageIn: (text, stream) => {
      const usage = lastJson(text, stream, 'usageMetadata')['usageMetadata'] as unknown as Numbers;
      const thoughts = usage['thoughtsTokenCount'] ?? 0;
      return [usage['promptTokenCount'] as number, usage['cachedContentTokenCount'] ?? 0, 0, (usage['candidatesTokenCount'] ?? 0) + thoughts, thoughts];
    },
  },
];

const told = (row: LedgerEntry): readonly number[] => [row.promptTokens, row.cachedTokens, row.cacheWriteTokens, row.completionTokens, row.reasoningTokens];

async function readUntilBroken(response: Response): Promise<{ text: string; broken: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const piece of response.body ?? []) text += decoder.decode(piece as Uint8Array, { stream: true });
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

describe.each(DIALECTS)('$protocol', ({ protocol, failure, ask, usageIn }) => {
  let bench: Bench;
  beforeAll(async () => { bench = await Bench.start(); });
  afterAll(() => bench.simulator.close());

  it('tells every client what its row has, streamed or not, 32 at a time, with a prompt cache', async () => {
    const system = 'You know the sea. '.repeat(300);
    const sums = [0, 0, 0, 0, 0];
    await Promise.all(Array.from({ length: 64 }, async (_, index) => {
      const stream = index % 2 === 0;
      const text = await (await ask(bench, stream, { id: `sum ${index}` }, undefined, undefined, system)).text();
      const usage = usageIn(text, stream);
      expect(told(await bench.row(`sum ${index}`))).toEqual(usage);
      for (const [place, tokens] of usage.entries()) sums[place] = (sums[place] as number) + tokens;
    }));
    const rows = bench.simulator.ledger().filter((row) => row.attemptId?.startsWith('sum '));
    expect(rows).toHaveLength(64);
    expect(rows.every((row) => row.protocol === protocol && row.outcome === 'completed' && row.billed)).toBe(true);
    expect(rows.reduce((all, row) => told(row).map((tokens, place) => tokens + (all[place] as number)), [0, 0, 0, 0, 0])).toEqual(sums);
    expect(sums[1]).toBeGreaterThan(0);
    expect(sums[4]).toBeGreaterThan(0);
    expect(new Set(rows.map((row) => row.responseId)).size).toBe(64);
  });

  it.each(['429', '500', '503', '529'])('%s refuses and bills nothing', async (fault) => {
    const response = await ask(bench, true, { id: fault }, fault);
    const status = fault === '529' && protocol !== 'anthropic-messages' ? 503 : Number(fault);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toMatchObject({ error: { message: expect.any(String) } });
    expect(await bench.row(fault)).toMatchObject({ protocol, outcome: 'refused', httpStatus: status, billed: false, promptTokens: 0, completionTokens: 0, stream: true });
  });

  it('disconnect and hang send nothing and bill nothing', async () => {
    await expect(ask(bench, false, { id: 'disconnect' }, 'disconnect')).rejects.toThrow('fetch failed');
    expect(await bench.row('disconnect')).toMatchObject({ outcome: 'cut', httpStatus: null, billed: false });
    const abort = new AbortController();
    const pending = ask(bench, true, { id: 'hang', signal: abort.signal }, 'hang').catch((error: Error) => error.name);
    await bench.inFlight(1);
    abort.abort();
    expect(await pending).toBe('AbortError');
    expect(await bench.row('hang')).toMatchObject({ outcome: 'hung', httpStatus: null, billed: false });
  });

  it('cut ends a stream after so many events and bills what was in them, a JSON body in its middle and bills it all', async () => {
    const full = await (await ask(bench, false, { id: 'full' })).text();
    const [prompt, , , completion] = usageIn(full, false);
    const { text, broken } = await readUntilBroken(await ask(bench, true, { id: 'cut' }, 'cut=7'));
    expect(broken).toBe(true);
    expect(text.split(/\r?\n/).filter((line) => line.startsWith('data: '))).toHaveLength(7);
    const row = await bench.row('cut');
    expect(row).toMatchObject({ outcome: 'cut', httpStatus: 200, billed: true, promptTokens: prompt });
    expect(row.completionTokens).toBeGreaterThan(0);
    expect(row.completionTokens).toBeLessThan(completion);
    expect((await readUntilBroken(await ask(bench, true, { id: 'cut late' }, 'cut=100000'))).broken).toBe(true);
    expect(await bench.row('cut late')).toMatchObject({ outcome: 'cut' });
    expect((await readUntilBroken(await ask(bench, false, { id: 'cut json' }, 'cut'))).broken).toBe(true);
    expect(await bench.row('cut json')).toMatchObject({ outcome: 'cut', promptTokens: prompt, completionTokens: completion });
  });

  it('stream_error ends a stream with the error of the protocol, and bills what was sent', async () => {
    const response = await ask(bench, true, { id: 'stream_error' }, 'stream_error=7');
    const { text, broken } = await readUntilBroken(response);
    expect([response.status, broken]).toEqual([200, false]);
    expect(text).toMatch(failure);
    const row = await bench.row('stream_error');
    expect(row).toMatchObject({ outcome: 'cut', httpStatus: 200, billed: true });
    expect((await ask(bench, false, { id: 'json_error' }, 'stream_error')).status).toBe(500);
    expect(await bench.row('json_error')).toMatchObject({ outcome: 'refused', billed: false });
  });

  it('malformed and slow_first_byte are billed in full', async () => {
    const [prompt, , , completion] = usageIn(await (await ask(bench, false, { id: 'whole' })).text(), false);
    const { text, broken } = await readUntilBroken(await ask(bench, false, { id: 'malformed' }, 'malformed'));
    expect(broken).toBe(false);
    expect(() => JSON.parse(text) as unknown).toThrow();
    const events = (await (await ask(bench, true, { id: 'malformed stream' }, 'malformed')).text()).split(/\r?\n/).filter((line) => line.startsWith('data: {'));
    const isJson = (line: string): boolean => { try { JSON.parse(line.slice(6)); return true; } catch { return false; } };
    expect(events.filter((line) => !isJson(line))).toHaveLength(1);
    expect((await ask(bench, true, { id: 'slow' }, 'slow_first_byte=50').then((response) => response.text())).length).toBeGreaterThan(100);
    for (const id of ['malformed', 'malformed stream', 'slow']) expect(await bench.row(id)).toMatchObject({ outcome: 'completed', promptTokens: prompt, completionTokens: completion });
    const slow = await bench.row('slow');
    expect(Date.parse(slow.endedAt) - Date.parse(slow.startedAt)).toBeGreaterThanOrEqual(45);
  });

  it('bills a client that leaves a stream for what had been generated', async () => {
    const abort = new AbortController();
    const response = await ask(bench, true, { id: 'gone', signal: abort.signal }, undefined, 16_000);
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    abort.abort();
    const row = await bench.row('gone');
    expect(row).toMatchObject({ outcome: 'client_gone', httpStatus: 200, billed: true });
    expect(row.promptTokens).toBeGreaterThan(0);
    expect(row.completionTokens).toBeLessThan(16_000);
  });

  it('strikes at random by rules, for its own models', async () => {
    const url = `${bench.simulator.origin}/__sim/faults`;
    expect((await fetch(url, { method: 'PUT', body: JSON.stringify([{ fault: '503', probability: 0.5 }]) })).status).toBe(200);
    const statuses = await Promise.all(Array.from({ length: 40 }, async (_, index) => (await ask(bench, index % 2 === 0, { id: `rule ${index}` })).status));
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
  });
});

describe('all protocols on one port', () => {
  it('show each its own models, and say where they are', async () => {
    const bench = await Bench.start();
    const { url, origin, anthropicUrl, geminiUrl } = bench.simulator;
    expect([url, anthropicUrl, geminiUrl]).toEqual([`${origin}/v1`, origin, origin]);
    const keysOf = async (headers: Record<string, string>): Promise<string[]> => Object.keys(await (await fetch(`${origin}/v1/models`, { headers })).json() as object);
    expect(await keysOf({ authorization: 'Bearer k' })).toEqual(['object', 'data']);
    expect(await keysOf({ authorization: 'Bearer k', 'anthropic-version': '2026-10-21' })).toEqual(['data', 'has_more', 'first_id', 'last_id']);
    expect(await keysOf({ 'x-goog-api-key': 'k' })).toEqual(['models']);
    await bench.simulator.close();
  });
});
