import { type AuthenticatedKey, KeyStore } from '@apex/auth';
import { type Uuid } from '@apex/common';
import { type UpstreamControl, type UpstreamEvents, type UpstreamFailure, type UpstreamRequest, GenaiPriceBook, ProviderRegistry, llmConfig, llmEnvSchema } from '@apex/llm';
import { ActivePolicies, RuleDecisionLayer } from '@apex/policy';
import { type RequestTrace } from '@apex/telemetry';
import { type AttemptRow, type OpenEntry, type Receipt, type Surface, type UsageRecordRow, UsageRecorder } from '@apex/usage';
import { type BodyOutcome, type BodyReader } from '../ports/body-reader.js';
import { IdempotencyStore } from '../ports/idempotency-store.js';
import { type Reply } from '../ports/reply.js';
import { Pipeline, type PipelineDeps } from './pipeline.js';
import { TargetBoard } from './resilience/target-board.js';
import { type Received } from './types.js';

/** Everything that happened, in order, across all fakes of one test: order is what the pipeline promises. */
export type Log = string[];

export class FakeRecorder extends UsageRecorder {
  readonly opened: OpenEntry[] = [];
  readonly closed: { record: UsageRecordRow; attempts: readonly AttemptRow[]; receipt: Receipt | null }[] = [];
  failing: 'open' | 'close' | null = null;

  constructor(private readonly log: Log) {
    super();
  }

  open(entry: OpenEntry, done: (error?: Error) => void): void {
    this.opened.push(entry);
    queueMicrotask(() => {
      this.log.push('journal open');
      done(this.failing === 'open' ? new Error('disk full') : undefined);
    });
  }

  close(record: UsageRecordRow, attempts: readonly AttemptRow[], done: (error?: Error) => void, receipt: Receipt | null = null): void {
    this.closed.push({ record, attempts, receipt });
    queueMicrotask(() => {
      this.log.push('journal close');
      done(this.failing === 'close' ? new Error('disk full') : undefined);
    });
  }
}

/** One scripted answer of the provider. */
export interface Script {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly chunks?: readonly string[];
  /** Instead of the end. */
  readonly failure?: UpstreamFailure;
  /** Neither ends nor fails by itself. */
  readonly hang?: boolean;
}

export class FakeUpstream {
  readonly requests: UpstreamRequest[] = [];
  aborted = 0;

  constructor(
    private readonly log: Log,
    private readonly scripts: Script[],
  ) {}

  call(request: UpstreamRequest, events: UpstreamEvents): UpstreamControl {
    this.log.push('upstream call');
    this.requests.push(request);
    const script = this.scripts.shift() ?? {};
    let over = false;
    const end = (run: () => void): void => {
      if (over) return;
      over = true;
      run();
    };
    void (async () => {
      await Promise.resolve();
      if (over) return;
      if (script.status !== undefined) events.onHead(script.status, { 'content-type': 'application/json', ...script.headers });
      for (const chunk of script.chunks ?? []) {
        events.onData(Buffer.from(chunk));
        // Each chunk is a read of its own.
        await Promise.resolve();
        await Promise.resolve();
      }
      if (script.hang === true) return;
      const { failure } = script;
      end(() => (failure === undefined ? events.onEnd() : events.onFailure(failure)));
    })();
    return {
      abort: () => {
        this.aborted++;
        end(() => events.onFailure('aborted'));
      },
      pause: () => this.log.push('pause'),
      resume: () => this.log.push('resume'),
    };
  }
}

export class FakeReply implements Reply {
  status = 0;
  headers: Record<string, string> = {};
  body = '';
  ended = false;
  gone = false;
  slow = false;
  private leave: (() => void) | null = null;
  private drain: (() => void) | null = null;
  readonly finished: Promise<void>;
  private finish!: () => void;

  constructor(private readonly log: Log) {
    this.finished = new Promise((resolve) => (this.finish = resolve));
  }

  onGone(listener: () => void): void {
    this.leave = listener;
  }

  hangUp(): void {
    this.gone = true;
    this.leave?.();
  }

  send(status: number, headers: string[], body: readonly Buffer[]): void {
    this.head(status, headers);
    for (const part of body) this.body += part.toString();
    this.end();
  }

  head(status: number, headers: string[]): void {
    this.status = status;
    for (let i = 0; i < headers.length; i += 2) this.headers[headers[i]!] = headers[i + 1]!;
  }

  write(chunk: Buffer): boolean {
    this.log.push('write');
    this.body += chunk.toString();
    return !this.slow;
  }

  onDrain(listener: () => void): void {
    this.drain = listener;
  }

  drained(): void {
    this.drain?.();
  }

  end(chunk?: Buffer): void {
    this.log.push('end');
    this.body += chunk?.toString() ?? '';
    this.ended = true;
    this.finish();
  }

  get json(): { error?: { code: string; type: string; message: string; param: string | null } } & Record<string, unknown> {
    return JSON.parse(this.body) as never;
  }
}

/** Requests without a key have nothing to do here. */
class NoKeyExpected extends IdempotencyStore {
  claim(): Promise<never> {
    return Promise.reject(new Error('nobody sent an Idempotency-Key'));
  }
}

/** Until a test brings some, nothing acts. */
class NoPolicies extends ActivePolicies {
  of(): never {
    throw new Error('there are no policies');
  }
  secretAt(): null {
    return null;
  }
}

class FakeKeys extends KeyStore {
  constructor(private readonly owner: 'customer' | 'platform' | null) {
    super();
  }

  authenticate(presented: string): AuthenticatedKey | 'unknown_key' {
    if (presented !== 'apex_good') return 'unknown_key';
    return { keyId: '0199aaaa-0000-7000-8000-000000000001', customerId: 'acme', tier: 'early', scopes: new Set(['inference'] as const) };
  }

  providerCredential() {
    return this.owner === null ? null : { apiKey: 'sk-provider', owner: this.owner };
  }
}

export interface World {
  readonly log: Log;
  readonly recorder: FakeRecorder;
  readonly upstream: FakeUpstream;
  readonly pipeline: Pipeline;
  readonly reply: FakeReply;
  now: number;
  /** Waits that were begun; running one moves the clock to its end. */
  readonly waits: { ms: number; run: () => void }[];
  ask(body: unknown, options?: { headers?: Record<string, string>; path?: 'gateway' | 'direct'; surface?: Surface; outcome?: BodyOutcome; reply?: FakeReply; requestId?: Uuid; trace?: RequestTrace }): FakeReply;
  settled(): Promise<void>;
}

export function createWorld(scripts: Script[] = [], overrides: Partial<PipelineDeps> & { keyOwner?: 'customer' | 'platform' | null } = {}): World {
  const log: Log = [];
  const recorder = new FakeRecorder(log);
  const upstream = new FakeUpstream(log, scripts);
  const { providers } = llmConfig(
    llmEnvSchema.parse({ OPENAI_BASE_URL: 'http://provider/v1', ANTHROPIC_BASE_URL: 'http://anthropic', GEMINI_BASE_URL: 'http://gemini', APEX_PROVIDERS: '[{"name":"groq","baseUrl":"http://groq/v1"}]' }),
  );
  const { keyOwner = 'platform', ...deps } = overrides;
  const world: World = {
    log,
    recorder,
    upstream,
    reply: new FakeReply(log),
    now: Date.UTC(2026, 10, 1),
    waits: [],
    pipeline: new Pipeline({
      keys: new FakeKeys(keyOwner),
      providers: new ProviderRegistry(providers),
      board: new TargetBoard(),
      traffic: { assign: () => ({ cohort: 'gateway' }) },
      policies: new NoPolicies(),
      decisions: new RuleDecisionLayer({ isEnabled: () => false }),
      upstream,
      recorder,
      prices: new GenaiPriceBook(),
      observer: { begin: () => null, observe: () => undefined },
      idempotency: new NoKeyExpected(),
      promptCache: { begin: () => null },
      requestLimits: { of: () => null, settle: () => undefined },
      cache: { lookup: () => { throw new Error('nothing may be cached here'); } },
      estimateUsage: () => Promise.resolve(null),
      now: () => world.now,
      random: () => 0.5,
      after: (ms, run) => {
        const wait = { ms, run };
        world.waits.push(wait);
        return () => world.waits.splice(world.waits.indexOf(wait), 1);
      },
      limits: { maxAttempts: 3, firstByteTimeoutMs: 60_000, idleTimeoutMs: 10_000, maxResponseBytes: 1_000_000 },
      requestTimeoutMs: 600_000,
      maxInFlight: 100,
      onDefect: (error) => {
        throw error;
      },
      ...deps,
    }),
    ask: (body, options = {}) => {
      const received: Received = {
        requestId: options.requestId ?? '0199bbbb-0000-7000-8000-000000000001',
        receivedAt: world.now,
        path: options.path ?? 'gateway',
        surface: options.surface ?? 'chat.completions',
        headers: { authorization: 'Bearer apex_good', 'content-type': 'application/json', ...options.headers },
        trace: options.trace ?? null,
      };
      const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      const reader: BodyReader = { read: (done) => done(options.outcome ?? { kind: 'body', body: bytes }), discard: () => log.push('discard') };
      const reply = options.reply ?? world.reply;
      world.pipeline.handle(received, reader, reply);
      return reply;
    },
    settled: async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
    },
  };
  return world;
}

export const usage = { prompt_tokens: 1_000, completion_tokens: 200, total_tokens: 1_200, prompt_tokens_details: { cached_tokens: 512 } };
export const answer = JSON.stringify({ id: 'chatcmpl-1', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' } }], usage });
export const ask = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] };
