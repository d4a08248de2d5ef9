import { Bench, chunksOf, eventsOf } from '../spec-support.js';

const usageOf = async (response: Response): Promise<{ prompt_tokens: number; completion_tokens: number }> => (await response.json() as { usage: { prompt_tokens: number; completion_tokens: number } }).usage;

/** What arrived of a body before its connection broke. */
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

describe('faults on demand', () => {
  let bench: Bench;
  let full: { prompt_tokens: number; completion_tokens: number };
  beforeAll(async () => {
    bench = await Bench.start();
    full = await usageOf(await bench.chat());
  });
  afterAll(() => bench.simulator.close());
  const fail = (id: string, simulate: string, changes: object = {}, signal?: AbortSignal): Promise<Response> => bench.chat({ metadata: { simulate }, ...changes }, { id, ...(signal && { signal }) });

  it.each([['429', 429, null], ['429;retry_after=2', 429, '2'], ['500', 500, null], ['503', 503, null]])('%s refuses and bills nothing', async (simulate, status, retryAfter) => {
    const response = await fail(`refuse ${simulate}`, simulate);
    expect([response.status, response.headers.get('retry-after')]).toEqual([status, retryAfter]);
    expect(await response.json()).toEqual({ error: { message: expect.any(String), type: expect.any(String), param: null, code: status === 500 ? null : expect.any(String) } });
    expect(await bench.row(`refuse ${simulate}`)).toMatchObject({ outcome: 'refused', httpStatus: status, billed: false, promptTokens: 0, completionTokens: 0, model: 'gpt-4o-mini' });
  });

  it('hang never answers; the row comes when the client gives up', async () => {
    const abort = new AbortController();
    const pending = fail('hang', 'hang', {}, abort.signal).catch((error: Error) => error.name);
    await bench.inFlight(1);
    abort.abort();
    expect(await pending).toBe('AbortError');
    expect(await bench.row('hang')).toMatchObject({ outcome: 'hung', httpStatus: null, billed: false, promptTokens: 0 });
  });

  it('disconnect sends not a byte and bills nothing', async () => {
    await expect(fail('disconnect', 'disconnect')).rejects.toThrow('fetch failed');
    expect(await bench.row('disconnect')).toMatchObject({ outcome: 'cut', httpStatus: null, billed: false, promptTokens: 0 });
  });

  it.each([[2, 1], [5, 4]])('cut=%i ends a stream after so many chunks and bills what was in them', async (chunks, tokens) => {
    const { text, broken } = await readUntilBroken(await fail(`cut ${chunks}`, `cut=${chunks}`, { stream: true }));
    expect(broken).toBe(true);
    expect(chunksOf(text)).toHaveLength(chunks);
    expect(await bench.row(`cut ${chunks}`)).toMatchObject({ outcome: 'cut', httpStatus: 200, stream: true, billed: true, promptTokens: full.prompt_tokens, completionTokens: tokens });
  });

  it('cut never lets a stream finish, however short it is', async () => {
    const { text, broken } = await readUntilBroken(await fail('cut short', 'cut=50', { stream: true, max_tokens: 2 }));
    expect(broken).toBe(true);
    expect(chunksOf(text).every((chunk) => chunk.choices[0]?.finish_reason === null)).toBe(true);
    expect(await bench.row('cut short')).toMatchObject({ outcome: 'cut', completionTokens: 2 });
  });

  it('cut ends a JSON body in its middle and bills all of it', async () => {
    const { text, broken } = await readUntilBroken(await fail('cut json', 'cut'));
    expect(broken).toBe(true);
    expect(text.length).toBeGreaterThan(100);
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(await bench.row('cut json')).toMatchObject({ outcome: 'cut', promptTokens: full.prompt_tokens, completionTokens: full.completion_tokens });
  });

  it('malformed sends a complete response that is no JSON, and bills all of it', async () => {
    const { text, broken } = await readUntilBroken(await fail('malformed', 'malformed'));
    expect(broken).toBe(false);
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(await bench.row('malformed')).toMatchObject({ outcome: 'completed', httpStatus: 200, completionTokens: full.completion_tokens });
  });

  it('malformed breaks one event of a stream', async () => {
    const events = eventsOf(await (await fail('malformed stream', 'malformed', { stream: true })).text());
    const isJson = (event: string): boolean => { try { JSON.parse(event); return true; } catch { return false; } };
    expect(events.map(isJson).filter((good) => !good)).toHaveLength(2);
    expect(events.at(-1)).toBe('[DONE]');
    expect(await bench.row('malformed stream')).toMatchObject({ outcome: 'completed', completionTokens: full.completion_tokens });
  });

  it.each([false, true])('slow_first_byte answers late but in full (stream: %s)', async (stream) => {
    const response = await fail(`slow ${stream}`, 'slow_first_byte=50', { stream });
    expect(response.status).toBe(200);
    await response.text();
    const row = await bench.row(`slow ${stream}`);
    expect(row).toMatchObject({ outcome: 'completed', completionTokens: full.completion_tokens });
    expect(Date.parse(row.endedAt) - Date.parse(row.startedAt)).toBeGreaterThanOrEqual(45);
  });

  it('times fails the first attempts of a simulate_id only', async () => {
    const statuses = [];
    for (let attempt = 0; attempt < 3; attempt += 1) statuses.push((await bench.chat({ metadata: { simulate: '500;times=2', simulate_id: 'times' } })).status);
    expect(statuses).toEqual([500, 500, 200]);
  });

  it('works for embeddings too', async () => {
    const embed = (simulate: string, id: string): Promise<Response> => bench.post('/embeddings', { model: 'text-embedding-3-small', input: 'hello', metadata: { simulate } }, { id });
    expect((await embed('429', 'e1')).status).toBe(429);
    expect((await readUntilBroken(await embed('cut', 'e2'))).broken).toBe(true);
    expect(await bench.row('e2')).toMatchObject({ endpoint: 'embeddings', outcome: 'cut', promptTokens: 1 });
  });

  it('strikes at random by rules, until they are deleted', async () => {
    const url = `${bench.simulator.origin}/__sim/faults`;
    const rules = [{ fault: '503', probability: 0.5, model: 'gpt-4o' }];
    expect((await fetch(url, { method: 'PUT', body: JSON.stringify(rules) })).status).toBe(200);
    expect(await (await fetch(url)).json()).toEqual(rules);
    const statuses = async (model: string): Promise<Set<number>> => new Set(await Promise.all(Array.from({ length: 40 }, async () => (await bench.chat({ model })).status)));
    expect(await statuses('gpt-4o')).toEqual(new Set([200, 503]));
    expect(await statuses('gpt-4.1')).toEqual(new Set([200]));
    expect((await fetch(url, { method: 'PUT', body: '[{"fault":"404","probability":1}]' })).status).toBe(400);
    expect((await fetch(url, { method: 'PUT', body: '[{"fault":"500","probability":2}]' })).status).toBe(400);
    expect((await fetch(url, { method: 'PUT', body: '{' })).status).toBe(400);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
    expect(await statuses('gpt-4o')).toEqual(new Set([200]));
  });
});
