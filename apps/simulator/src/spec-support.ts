import { type LedgerEntry } from './core/ledger.js';
import { type RunningSimulator, startSimulator } from './start-simulator.js';

/** Requests as a plain HTTP client sends them, and the ledger as an operator reads it. For the specs. */
export class Bench {
  private constructor(readonly simulator: RunningSimulator) {}

  static async start(speed = 0, ledgerFile?: string): Promise<Bench> {
    return new Bench(await startSimulator({ speed, ...(ledgerFile !== undefined && { ledgerFile }) }));
  }

  /** Resolves once the simulator has that many requests in hand. */
  async inFlight(count: number): Promise<void> {
    for (;;) {
      const status = await (await fetch(`${this.simulator.origin}/__sim/status`)).json() as { inFlight: number };
      if (status.inFlight >= count) return;
    }
  }

  post(path: string, body: unknown, init: { key?: string; id?: string; signal?: AbortSignal } = {}): Promise<Response> {
    return fetch(`${this.simulator.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${init.key ?? 'sk-test'}`, 'content-type': 'application/json', ...(init.id !== undefined && { 'x-client-request-id': init.id }) },
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
      ...(init.signal && { signal: init.signal }),
    });
  }

  chat(changes: object = {}, init: { key?: string; id?: string; signal?: AbortSignal } = {}): Promise<Response> {
    return this.post('/chat/completions', { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Tell me about tides.' }], ...changes }, init);
  }

  /** A request of Anthropic's API, by the version that still takes sampling parameters. */
  messages(changes: object = {}, init: { key?: string; id?: string; version?: string; signal?: AbortSignal } = {}): Promise<Response> {
    return fetch(`${this.simulator.anthropicUrl}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': init.key ?? 'sk-test', 'anthropic-version': init.version ?? '2023-06-01', ...(init.id !== undefined && { 'x-client-request-id': init.id }) },
      body: JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 4_000, messages: [{ role: 'user', content: 'Tell me about tides.' }], ...changes }),
      ...(init.signal && { signal: init.signal }),
    });
  }

  /** A request of Google's API. `method` ends in `?alt=sse` for server-sent events. */
  gemini(changes: object = {}, init: { key?: string; id?: string; model?: string; method?: string; signal?: AbortSignal } = {}): Promise<Response> {
    return fetch(`${this.simulator.geminiUrl}/v1beta/models/${init.model ?? 'gemini-2.5-flash'}:${init.method ?? 'generateContent'}`, {
      method: 'POST',
      headers: { 'x-goog-api-key': init.key ?? 'sk-test', 'content-type': 'application/json', ...(init.id !== undefined && { 'x-client-request-id': init.id }) },
      body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Tell me about tides.' }] }], ...changes }),
      ...(init.signal && { signal: init.signal }),
    });
  }

  /** The rows of one attempt id, once nothing is in flight. */
  async rows(id: string): Promise<readonly LedgerEntry[]> {
    await this.simulator.settled();
    return this.simulator.ledger().filter((row) => row.attemptId === id);
  }

  /** The one row of an attempt. */
  async row(id: string): Promise<LedgerEntry> {
    const rows = await this.rows(id);
    if (rows.length !== 1) throw new Error(`expected one row of ${id}, found ${rows.length}`);
    return rows[0] as LedgerEntry;
  }
}

/** fetch for Google's SDK: it brings a dispatcher of its own that looks for undici's on the globals, and Jest's have none. */
export const fetchWithoutDispatcher: typeof fetch = (input, init) => {
  const { dispatcher: _dispatcher, ...rest } = (init ?? {}) as RequestInit & { dispatcher?: unknown };
  return fetch(input, rest);
};

export interface Chunk {
  readonly id: string;
  readonly object: string;
  readonly model: string;
  readonly choices: readonly { readonly index: number; readonly delta: { role?: string; content?: string | null; tool_calls?: unknown[] }; readonly logprobs: unknown; readonly finish_reason: string | null }[];
  readonly usage?: { prompt_tokens: number; completion_tokens: number } | null;
}

/** The events of a finished stream, `[DONE]` last. */
export const eventsOf = (text: string): string[] => text.split('\n\n').filter((event) => event !== '').map((event) => event.replace(/^data: /, ''));

export const chunksOf = (text: string): Chunk[] => eventsOf(text).filter((event) => event !== '[DONE]').map((event) => JSON.parse(event) as Chunk);
