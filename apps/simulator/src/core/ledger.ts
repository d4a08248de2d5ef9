/** How an attempt ended, as the provider saw it. */
export type Outcome = 'completed' | 'refused' | 'cut' | 'client_gone' | 'hung';

/** The wire protocol an attempt came in. */
export type Protocol = 'openai-chat' | 'openai-responses' | 'openai-embeddings' | 'anthropic-messages' | 'gemini';

/** Token counts of one attempt. Prompt includes what was read from and written to the prompt cache, completion includes reasoning. */
export interface TokenCounts {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  /** The part of `cacheWriteTokens` that is kept for an hour, and dearer than the rest. */
  readonly cacheWrite1hTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens: number;
}

export const NO_TOKENS: TokenCounts = Object.freeze({ promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, cacheWrite1hTokens: 0, completionTokens: 0, reasoningTokens: 0 });

/** One row of the provider's usage export: an attempt on a billable endpoint, written once, when it has ended. */
export interface LedgerEntry extends TokenCounts {
  /** The caller's `x-client-request-id`; null if it sent none. */
  readonly attemptId: string | null;
  /** The id in the response's body; null if there was none. */
  readonly responseId: string | null;
  readonly protocol: Protocol;
  readonly endpoint: string;
  /** As asked for; null where the request could not be read. */
  readonly model: string | null;
  readonly stream: boolean;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: Outcome;
  /** The status that was sent; null if none was. */
  readonly httpStatus: number | null;
  /** Whether these tokens are on the bill. Rows that are not have no tokens. */
  readonly billed: boolean;
}

/** Ended attempts, in the order they ended. Holds the newest `capacity` of them; `dropped` counts the ones that went. */
export class Ledger {
  private rows: LedgerEntry[] = [];
  /** Where the oldest row is, once the ring is full. */
  private head = 0;
  private lost = 0;

  constructor(private readonly capacity = 1_000_000, private readonly onEntry: (entry: LedgerEntry) => void = () => undefined) {}

  append(entry: LedgerEntry): void {
    if (this.rows.length < this.capacity) {
      this.rows.push(entry);
    } else {
      this.rows[this.head] = entry;
      this.head = (this.head + 1) % this.capacity;
      this.lost += 1;
    }
    this.onEntry(entry);
  }

  /** All rows, oldest first; a copy. */
  entries(): readonly LedgerEntry[] {
    return this.head === 0 ? this.rows.slice() : [...this.rows.slice(this.head), ...this.rows.slice(0, this.head)];
  }

  get size(): number {
    return this.rows.length;
  }

  get dropped(): number {
    return this.lost;
  }

  clear(): void {
    this.rows = [];
    this.head = 0;
    this.lost = 0;
  }
}
