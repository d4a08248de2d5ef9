/**
 * What the pipeline itself costs a request: everything between the parsed head and the answer, with the real stages,
 * prices and journal, and with neither sockets nor a provider. Run after a build: `node dist/bench/pipeline.js [requests]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuthenticatedKey, KeyStore, type Limits } from '@apex/auth';
import { newId } from '@apex/common';
import { MemoryIdempotencyStore, Pipeline, TargetBoard } from '@apex/gateway';
import { GenaiPriceBook, ProviderRegistry, type UpstreamEvents, type UpstreamRequest, llmConfig, llmEnvSchema } from '@apex/llm';
import { ActivePolicies, DEFAULT_POLICY, type PolicySnapshot, RuleDecisionLayer } from '@apex/policy';
import { type AttemptRow, type OpenEntry, type UsageRecordRow, UsageRecorder } from '@apex/usage';
import { PromptCaching } from '../libs/gateway/src/core/prompt-cache/prompt-caching.js';
import { LeasedLimiter } from '../libs/auth/src/limits/adapters/leased-limiter.js';
import { LocalLimitStore } from '../libs/auth/src/limits/adapters/local-limit-store.js';
import { RequestLimits } from '../libs/gateway/src/core/limits/request-limits.js';
import { JournalWriter } from '../libs/usage/src/adapters/journal-writer.js';

const REQUESTS = Number(process.argv[2] ?? 200_000);
const IN_FLIGHT = 64;

class OneKey extends KeyStore {
  private readonly key: AuthenticatedKey = { keyId: newId(), customerId: 'demo', tier: 'early', scopes: new Set(['inference']) };
  authenticate(): AuthenticatedKey {
    return this.key;
  }
  providerCredential() {
    return { apiKey: 'sk-provider', owner: 'platform' as const };
  }
}

class NoRecorder extends UsageRecorder {
  open(_entry: OpenEntry, done: () => void): void {
    setImmediate(done);
  }
  close(_record: UsageRecordRow, _attempts: readonly AttemptRow[], done: () => void): void {
    setImmediate(done);
  }
}

const usage = { prompt_tokens: 219, completion_tokens: 42, total_tokens: 261, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } };
const answer = Buffer.from(
  JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'gpt-4o-mini', choices: [{ index: 0, message: { role: 'assistant', content: 'Lorem ipsum dolor sit amet. '.repeat(8) }, finish_reason: 'stop' }], usage, system_fingerprint: 'fp' }),
);
const body = Buffer.from(JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'system', content: 'Be helpful.' }, { role: 'user', content: 'The quick brown fox jumps over the lazy dog. '.repeat(18) }], temperature: 0.2 }));
const headers = { authorization: 'Bearer apex_bench', 'content-type': 'application/json', host: '127.0.0.1:8080', 'user-agent': 'bench' };

const upstream = {
  call: (_request: UpstreamRequest, events: UpstreamEvents) => {
    setImmediate(() => {
      events.onHead(200, { 'content-type': 'application/json', 'x-request-id': 'req_1' });
      events.onData(answer);
      events.onEnd();
    });
    return { abort: () => undefined, pause: () => undefined, resume: () => undefined };
  },
};

const MANY = 1_000_000_000;

/** A real limiter over the meters of this process; limits that are never reached: what is measured is the counting. */
function limitsOf(customer: Partial<Limits>, enforced: boolean): RequestLimits {
  const none: Limits = { requestsPerMinute: null, tokensPerMinute: null, concurrency: null, monthlyBudgetMicroUsd: null };
  const terms = { customer: { ...none, ...customer }, platformBudgetMicroUsd: null, key: none, meterId: 'key', billingAnchorDay: 1 };
  const limiter = new LeasedLimiter({
    terms: { keyTerms: () => terms, tierOf: () => null, rankOf: () => null, termsVersion: 1 },
    store: new LocalLimitStore(() => Date.now()),
    book: { spent: () => Promise.resolve(0) },
    now: () => Date.now(),
    onTrouble: (what) => {
      throw new Error(what);
    },
  });
  limiter.start();
  return new RequestLimits({ limiter, enforced: () => enforced, prices: new GenaiPriceBook() });
}
const NO_LIMITS = limitsOf({}, false);

class Policies extends ActivePolicies {
  constructor(private readonly any: boolean) {
    super();
  }
  of(): PolicySnapshot {
    return POLICY;
  }
  secretAt(): Buffer | null {
    return this.any ? SECRET : null;
  }
}
const SECRET = Buffer.alloc(32, 1);
/** The request here is sampled, so the exact cache, which is on, does not act: what is measured is the plan and the receipt. */
const POLICY: PolicySnapshot = { id: newId(), version: 1, customerId: null, document: DEFAULT_POLICY };

async function run(name: string, recorder: UsageRecorder, withPolicy = false, requestLimits = NO_LIMITS): Promise<void> {
  const pipeline = new Pipeline({
    keys: new OneKey(),
    providers: new ProviderRegistry(llmConfig(llmEnvSchema.parse({})).providers),
    traffic: { assign: () => ({ cohort: 'gateway' }) },
    policies: new Policies(withPolicy),
    decisions: new RuleDecisionLayer({ isEnabled: () => false }),
    upstream,
    board: new TargetBoard(),
    recorder,
    prices: new GenaiPriceBook(),
    observer: { begin: () => null, observe: () => undefined },
    promptCache: new PromptCaching({ prices: new GenaiPriceBook(), now: () => Date.now(), sole: false }),
    cache: { lookup: () => { throw new Error('a sampled request asked the exact cache'); } },
    requestLimits,
    idempotency: new MemoryIdempotencyStore(() => Date.now()),
    estimateUsage: () => Promise.resolve(null),
    now: () => Date.now(),
    random: Math.random,
    after: () => () => undefined,
    limits: { maxAttempts: 3, firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000, maxResponseBytes: 1 << 26 },
    requestTimeoutMs: 600_000,
    maxInFlight: 4_096,
    onDefect: (error) => {
      throw error;
    },
  });
  const play = (requests: number): Promise<void> =>
    new Promise((resolve) => {
      let started = 0;
      let ended = 0;
      const next = (): void => {
        if (started++ >= requests) return;
        pipeline.handle(
          { requestId: newId(), receivedAt: Date.now(), path: 'gateway', surface: 'chat.completions', headers, trace: null },
          { read: (done) => done({ kind: 'body', body }), discard: () => undefined },
          {
            gone: false,
            onGone: () => undefined,
            send: () => {
              if (++ended === requests) resolve();
              else next();
            },
            head: () => undefined,
            write: () => true,
            onDrain: () => undefined,
            end: () => undefined,
          },
        );
      };
      for (let i = 0; i < IN_FLIGHT; i++) next();
    });
  await play(REQUESTS / 10);
  const before = process.cpuUsage();
  await play(REQUESTS);
  const { user, system } = process.cpuUsage(before);
  console.log(`${name.padEnd(20)} ${((user + system) / REQUESTS).toFixed(2)} us CPU per request (${(user / REQUESTS).toFixed(2)} user, ${(system / REQUESTS).toFixed(2)} system)`);
}

await run('without a journal', new NoRecorder());
const directory = mkdtempSync(join(tmpdir(), 'apex-bench-'));
await run('with the journal', new JournalWriter({ directory, firstSegment: 1, sync: 'second' }));
await run('and a policy', new JournalWriter({ directory, firstSegment: 10_000, sync: 'second' }), true);
const tier = { requestsPerMinute: MANY, tokensPerMinute: MANY * 1_000 };
// Once more, for whoever comes later finds the code warm.
await run('no limits', new NoRecorder());
await run('limits, counted', new NoRecorder(), false, limitsOf(tier, false));
await run('limits, enforced', new NoRecorder(), false, limitsOf(tier, true));
await run('and a budget', new NoRecorder(), false, limitsOf({ ...tier, monthlyBudgetMicroUsd: MANY * 100_000 }, true));
rmSync(directory, { recursive: true });
process.exit(0);
