import { type Clock } from '@apex/common';
import { type Ledger, NO_TOKENS, type Outcome, type Protocol, type TokenCounts } from '../core/ledger.js';

/** One attempt on a billable endpoint, from its first byte to its one row in the ledger. */
export class Attempt {
  model: string | null = null;
  stream = false;
  responseId: string | null = null;
  /** The status that was sent, once there is one. */
  httpStatus: number | null = null;
  /** The bill if the attempt ended now. Whoever generates keeps it current. */
  usageSoFar: () => TokenCounts = () => NO_TOKENS;
  /** What a lost client means; a hanging attempt says `hung`. */
  outcomeIfLost: Outcome = 'client_gone';
  private readonly startedAt: number;
  private ended = false;

  constructor(private readonly ledger: Ledger, private readonly clock: Clock, private readonly attemptId: string | null, private readonly protocol: Protocol, private readonly endpoint: string) {
    this.startedAt = clock.now();
  }

  /** Writes the row. Only the first call counts. */
  end(outcome: Outcome, tokens: TokenCounts = this.usageSoFar()): void {
    if (this.ended) return;
    this.ended = true;
    this.ledger.append({
      attemptId: this.attemptId,
      responseId: this.responseId,
      protocol: this.protocol,
      endpoint: this.endpoint,
      model: this.model,
      stream: this.stream,
      startedAt: new Date(this.startedAt).toISOString(),
      endedAt: new Date(this.clock.now()).toISOString(),
      outcome,
      httpStatus: this.httpStatus,
      promptTokens: tokens.promptTokens,
      cachedTokens: tokens.cachedTokens,
      cacheWriteTokens: tokens.cacheWriteTokens,
      cacheWrite1hTokens: tokens.cacheWrite1hTokens,
      completionTokens: tokens.completionTokens,
      reasoningTokens: tokens.reasoningTokens,
      billed: tokens.promptTokens + tokens.completionTokens > 0,
    });
  }
}
