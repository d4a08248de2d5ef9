import { type KeyStore } from '@apex/auth';
import { type ProviderRegistry } from '@apex/llm';
import { type BodyReader } from '../ports/body-reader.js';
import { type Claim, type IdempotencyStore } from '../ports/idempotency-store.js';
import { type Reply } from '../ports/reply.js';
import { type RequestObserver } from '../ports/request-observer.js';
import { AnswerTape } from './cache/answer-tape.js';
import { type CachedAnswer } from './cache/cached-answer.js';
import { type ExactCache } from './cache/exact-cache.js';
import { type CacheAsk, type Flight } from './cache/flight.js';
import { isComplete } from './idempotency/kept-answer.js';
import { type KeyUse, keyUse } from './idempotency/key-use.js';
import { OnceReply } from './idempotency/once-reply.js';
import { type RequestLimit, type RequestLimits } from './limits/request-limits.js';
import { refusals } from './refusals.js';
import { HedgeBudget } from './resilience/hedge-budget.js';
import { authenticate, type AuthenticateResult } from './stages/01-authenticate.js';
import { admit } from './stages/02-admit.js';
import { assignCohort, decide, type DecideDeps } from './stages/03-decide.js';
import { type ExecuteDeps, Execution } from './stages/04-execute.js';
import { attribute, attributeDenied, attributeHit } from './stages/05-attribute.js';
import { record } from './stages/06-record.js';
import { replay, respond, respondFromCache, sendRefusal, startStream } from './stages/07-respond.js';
import { cacheAskFor } from './stages/lookup.js';
import { type Call, type Refusal } from './call.js';
import { type Admitted, type Authenticated, type Cohort, type Decided, type Received } from './types.js';

export interface PipelineDeps extends Omit<ExecuteDeps, 'startStream' | 'hedges'>, DecideDeps {
  readonly keys: KeyStore;
  readonly providers: ProviderRegistry;
  readonly observer: RequestObserver;
  readonly idempotency: IdempotencyStore;
  readonly cache: Pick<ExactCache, 'lookup'>;
  readonly requestLimits: Pick<RequestLimits, 'of' | 'settle'>;
  readonly requestTimeoutMs: number;
  readonly maxInFlight: number;
}

/** What a request has to do with others that wait for the same answer. */
interface Sharing {
  readonly tape: AnswerTape;
  readonly flight: Flight;
}

/** One request's journey, stage by stage. The only file that knows all stages. */
export class Pipeline {
  private inFlight = 0;
  private draining = false;
  private replays = 0;
  private readonly unknown = new Map<string, number>();
  private idle: (() => void) | null = null;

  private readonly executeDeps: ExecuteDeps;

  constructor(private readonly deps: PipelineDeps) {
    this.executeDeps = { ...deps, startStream, hedges: new HedgeBudget() };
  }

  handle(received: Received, body: BodyReader, reply: Reply): void {
    const authenticated = this.authenticate(received);
    if (!authenticated.ok) {
      body.discard();
      return sendRefusal(authenticated.refusal, received, null, reply);
    }
    const { request } = authenticated;
    this.inFlight++;
    // Shed before the body is read: an overloaded process must not buy work it cannot do.
    if (this.draining || this.inFlight > this.deps.maxInFlight) {
      body.discard();
      return this.deny(request, this.draining ? refusals.draining() : refusals.overloaded(), null, reply);
    }
    body.read((outcome) => {
      switch (outcome.kind) {
        case 'body':
          return this.guarded(request, reply, () => this.serve(request, outcome.body, reply));
        case 'too_large':
          return this.deny(request, refusals.bodyTooLarge(outcome.limit), null, reply);
        case 'gone':
          return this.deny(request, refusals.clientGone(), null, reply);
      }
    });
  }

  /** Runs until every request under way has ended. New ones are refused from now on. */
  async drain(): Promise<void> {
    this.draining = true;
    if (this.inFlight > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  /** Who is asking. What is refused here is no record, for there is nobody whose it would be: it is counted. */
  authenticate(received: Received): AuthenticateResult {
    const result = authenticate(received, this.deps.keys);
    if (!result.ok) this.unknown.set(result.refusal.code, (this.unknown.get(result.refusal.code) ?? 0) + 1);
    return result;
  }

  /** Requests without a key that may ask, by the refusal's code. */
  get unauthenticated(): ReadonlyMap<string, number> {
    return this.unknown;
  }

  get requestsInFlight(): number {
    return this.inFlight;
  }

  /** Answers that were given once more under an `Idempotency-Key`; they are no usage. */
  get answersReplayed(): number {
    return this.replays;
  }

  private serve(request: Authenticated, body: Buffer, reply: Reply): void {
    const admitted = admit(request, body, this.deps);
    if (!admitted.ok) return this.deny(request, admitted.refusal, admitted.call, reply);
    const limit = this.deps.requestLimits.of(request, reply);
    const client = limit?.reply ?? reply;
    const header = request.headers['idempotency-key'];
    if (header === undefined) return this.run(admitted.request, client, null, limit);
    const use = keyUse(admitted.request, header);
    if (use === null) return this.deny(request, refusals.invalidHeader('idempotency-key', '1 to 255 printable ASCII characters'), admitted.request.call, reply);
    void this.claim(use, admitted.request).then((claim) => this.guarded(admitted.request, client, () => this.serveOnce(admitted.request, claim, client, limit)));
  }

  /** A store that breaks its promise costs the key's protection, never the request. */
  private async claim(use: KeyUse, request: Received): Promise<Claim> {
    try {
      return await this.deps.idempotency.claim(use);
    } catch (error) {
      this.deps.onDefect(error, request);
      return { kind: 'reserved', lease: { keep: () => undefined, release: () => undefined } };
    }
  }

  private serveOnce(request: Admitted, claim: Claim, reply: Reply, limit: RequestLimit | null): void {
    const { call } = request;
    switch (claim.kind) {
      case 'reserved': {
        if (reply.gone) {
          claim.lease.release();
          return this.deny(request, refusals.clientGone(), call, reply);
        }
        const once = new OnceReply(reply, claim.lease);
        return this.guarded(request, once, () => this.run(request, once, once, limit));
      }
      case 'in_progress':
        return this.deny(request, refusals.idempotencyInProgress(), call, reply);
      case 'mismatch':
        return this.deny(request, refusals.idempotencyMismatch(), call, reply);
      case 'answered': {
        const { answer } = claim;
        if (answer === null) return this.deny(request, refusals.idempotencyNotReplayable(), call, reply);
        this.replays++;
        return this.leave(request, assignCohort(request, this.deps.traffic), reply, () => replay(answer, reply));
      }
    }
  }

  /**
   * @param once the reply as well, where the request holds a key
   * @param limit null: nothing limits it
   */
  private run(request: Admitted, reply: Reply, once: OnceReply | null, limit: RequestLimit | null): void {
    if (limit === null) return this.go(request, reply, once);
    limit.reserve(request, (refusal) =>
      this.guarded(request, reply, () => {
        if (refusal === null && !reply.gone) return this.go(request, reply, once);
        once?.release();
        this.deny(request, refusal ?? refusals.clientGone(), request.call, reply);
      }),
    );
  }

  private go(request: Admitted, reply: Reply, once: OnceReply | null): void {
    const decided = decide(request, this.deps);
    const ask = cacheAskFor(decided);
    if (ask === null) this.execute(decided, reply, once, null);
    else this.lookUp(decided, ask, reply, once);
  }

  /** Asks the exact cache, and waits with others for one answer where they ask for the same. */
  private lookUp(decided: Decided, ask: CacheAsk, reply: Reply, once: OnceReply | null): void {
    const tape = new AnswerTape(reply);
    let found = false;
    const stopWaiting = this.deps.cache.lookup(ask, (outcome) => {
      found = true;
      this.guarded(decided, reply, () => {
        switch (outcome.kind) {
          case 'hit':
            return this.giveAgain(decided, outcome.answer, reply);
          case 'miss':
            return this.execute(decided, reply, once, { tape, flight: outcome.flight });
          case 'late':
            once?.release();
            return this.deny(decided, refusals.deadlinePassed(), decided.call, reply);
        }
      });
    });
    if (found) return;
    tape.onGone(() => {
      if (found) return;
      stopWaiting();
      once?.release();
      this.deny(decided, refusals.clientGone(), decided.call, reply);
    });
  }

  private giveAgain(decided: Decided, cached: CachedAnswer, reply: Reply): void {
    const attributed = attributeHit(decided, cached, this.deps.now(), this.deps.prices);
    record(attributed, this.deps, (error) => {
      this.leave(decided, decided, reply, () => respondFromCache(decided, cached, attributed, error === undefined, reply));
    });
  }

  /** @param sharing where others may wait for this request's answer */
  private execute(decided: Decided, reply: Reply, once: OnceReply | null, sharing: Sharing | null): void {
    const client = sharing?.tape ?? reply;
    try {
      new Execution(decided, client, this.executeDeps, (executed, answer) => {
        const attributed = attribute(executed, this.deps.prices);
        if (decided.promptCache !== null) for (const attempt of executed.attempts) decided.promptCache.settle(attempt);
        record(attributed, this.deps, (error) => {
          if (error !== undefined || !isComplete(answer)) once?.release();
          this.leave(decided, decided, client, () => respond(decided, answer, attributed, error === undefined, client));
          sharing?.tape.settle(sharing.flight, executed, answer, error === undefined);
        });
      }).start();
    } catch (error) {
      sharing?.flight.end(null);
      throw error;
    }
  }

  private deny(request: Authenticated, refusal: Refusal, call: Call | null, reply: Reply): void {
    const cohort = assignCohort(request, this.deps.traffic);
    const attributed = attributeDenied({ ...request, ...cohort, refusal, call }, this.deps.now());
    record(attributed, this.deps, () => {
      this.leave(request, cohort, reply, () => sendRefusal(refusal, request, cohort, reply));
    });
  }

  /** A defect in one request must end as that request's error, recorded, never as the process' death. */
  private guarded(request: Authenticated, reply: Reply, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.deps.onDefect(error, request);
      this.deny(request, refusals.internal(), null, reply);
    }
  }

  /** The request is in the books and its answer goes out. A defect in that is an error too, and ends the request as well. */
  private leave(request: Authenticated, cohort: Cohort, reply: Reply, send: () => void): void {
    try {
      send();
    } catch (error) {
      this.deps.onDefect(error, request);
      sendRefusal(refusals.internal(), request, cohort, reply);
    } finally {
      this.inFlight--;
      if (this.inFlight === 0 && this.idle !== null) this.idle();
    }
  }
}
