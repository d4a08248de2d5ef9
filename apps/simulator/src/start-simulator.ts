import { closeSync, openSync, writeSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { SystemClock } from '@apex/common';
import { Engine } from './core/engine.js';
import { Ledger, type LedgerEntry } from './core/ledger.js';
import { anthropicApi, isAnthropic } from './anthropic/api.js';
import { geminiApi, isGemini } from './gemini/api.js';
import { type Attempt } from './http/attempt.js';
import { control } from './http/control.js';
import { Exchange } from './http/exchange.js';
import { type Api } from './http/serve.js';
import { openAiApi } from './openai/api.js';

export interface SimulatorOptions {
  /** 0, the default: any free port. */
  readonly port?: number;
  readonly host?: '127.0.0.1';
  /** Multiplies all latencies: 1, the default, is realistic; 0 answers at once and uses no timers. */
  readonly speed?: number;
  /** Of the random faults and the jitter. Answers do not depend on it. */
  readonly seed?: number;
  /** Each ledger row is also appended to this file, one JSON document per line, when its attempt ends. */
  readonly ledgerFile?: string;
}

export interface RunningSimulator {
  /** The base URL as OpenAI's SDKs take it: it ends in /v1. */
  readonly url: string;
  /** The base URL as Anthropic's SDKs take it: the origin. */
  readonly anthropicUrl: string;
  /** The base URL as Google's SDKs take it: the origin. */
  readonly geminiUrl: string;
  readonly origin: string;
  readonly port: number;
  /** All ended attempts, oldest first; a copy. */
  ledger(): readonly LedgerEntry[];
  /** Resolves when no attempt is in flight: from then on the ledger is complete. */
  settled(): Promise<void>;
  /** Ends at once: open connections are broken, and what was in flight gets its row. */
  close(): Promise<void>;
}

// Clients that keep connections open should be the ones that close them; otherwise they race with us and see resets.
const KEEP_ALIVE_MS = 120_000;

/** Starts the simulated provider on the loopback interface. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<RunningSimulator> {
  const file = options.ledgerFile === undefined ? null : openSync(options.ledgerFile, 'a');
  const ledger = new Ledger(undefined, (entry) => { if (file !== null) writeSync(file, `${JSON.stringify(entry)}\n`); });
  const engine = new Engine({ clock: new SystemClock(), ledger, speed: options.speed ?? 1, seed: options.seed ?? 1 });
  const site = new Site(engine);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => void site.serve(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  let closed: Promise<void> | null = null;
  return {
    url: `${origin}/v1`,
    anthropicUrl: origin,
    geminiUrl: origin,
    origin,
    port,
    ledger: () => ledger.entries(),
    settled: () => site.settled(),
    close: () => (closed ??= (async () => {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      site.endAll();
      server.closeAllConnections();
      await ended;
      await site.settled();
      if (file !== null) closeSync(file);
    })()),
  };
}

/** Routes requests and knows which attempts are in flight. */
class Site {
  private readonly attempts = new Map<Exchange, Attempt>();
  private open = 0;
  private waiting: (() => void)[] = [];
  private readonly openAi: Api;
  private readonly anthropic: Api;
  private readonly gemini: Api;

  constructor(private readonly engine: Engine) {
    this.openAi = openAiApi(engine);
    this.anthropic = anthropicApi(engine);
    this.gemini = geminiApi(engine);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response, (lost) => {
      const attempt = this.attempts.get(lost);
      attempt?.end(attempt.outcomeIfLost);
    });
    if (exchange.path.startsWith('/__sim/')) return control(exchange, this.engine, () => this.open).catch((error: unknown) => report(exchange, error));
    this.open += 1;
    try {
      await this.apiOf(exchange)(exchange, (attempt) => this.attempts.set(exchange, attempt));
    } catch (error) {
      report(exchange, error);
      const attempt = this.attempts.get(exchange);
      if (attempt) attempt.end('cut');
    } finally {
      this.attempts.delete(exchange);
      this.open -= 1;
      if (this.open === 0) for (const resolve of this.waiting.splice(0)) resolve();
    }
  }

  private apiOf(exchange: Exchange): Api {
    if (isGemini(exchange)) return this.gemini;
    return isAnthropic(exchange) ? this.anthropic : this.openAi;
  }

  settled(): Promise<void> {
    return this.open === 0 ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** The provider itself goes away: what it was generating is cut. */
  endAll(): void {
    for (const attempt of this.attempts.values()) attempt.end(attempt.outcomeIfLost === 'hung' ? 'hung' : 'cut');
  }
}

/** A defect of the simulator must be seen, and must not look like a fault that somebody ordered. */
function report(exchange: Exchange, error: unknown): void {
  process.stderr.write(`simulator defect: ${error instanceof Error ? error.stack : String(error)}\n`);
  if (exchange.headersSent) exchange.destroy();
  else exchange.send(500, { 'content-type': 'application/json' }, JSON.stringify({ error: { message: 'The simulator has a defect; see its log.', type: 'server_error', param: null, code: 'simulator_defect' } }));
}
