import { type Picodollars, type Uuid } from '@apex/common';

/** Token counts of one upstream answer. `promptTokens` include the cached ones, `completionTokens` the reasoning ones. */
export interface TokenUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens: number;
}

export const NO_TOKENS: TokenUsage = Object.freeze({ promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 });

/**
 * What is known of an attempt when it has ended.
 * - `final`: the provider answered in full; tokens and cost are exact.
 * - `failed`: the provider refused or never took the request; it bills nothing.
 * - `aborted`: the client left; what the provider bills is not known yet.
 * - `interrupted`: the provider, the network or this process broke off; what the provider bills is not known yet.
 */
export type AttemptStatus = 'final' | 'failed' | 'aborted' | 'interrupted';

/** A request's status: its answering attempt's, or `denied` when Apex itself refused it before any attempt. */
export type RecordStatus = AttemptStatus | 'denied';

/** Where the token counts come from. `unknown` goes with `aborted` and `interrupted`: counts are 0 until reconciled. */
export type UsageSource = 'provider' | 'tokenizer' | 'none' | 'unknown';

/** `none`: there was nothing to price. `unpriced`: there was, and no price is known; it bills nothing and is visible. */
export type Pricing = 'priced' | 'unpriced' | 'none';

interface Metered {
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly cache_write_tokens: number;
  readonly completion_tokens: number;
  readonly reasoning_tokens: number;
  readonly usage_source: UsageSource;
  readonly cost_pd: Picodollars;
  readonly pricing: Pricing;
  readonly price_version: string | null;
}

/** A row of `attempts`: one call to a provider. Names are the table's, for rows travel to Postgres as JSON. */
export interface AttemptRow extends Metered {
  readonly attempt_id: Uuid;
  readonly request_id: Uuid;
  readonly attempt_no: number;
  readonly customer_id: string;
  readonly provider: string;
  readonly model: string | null;
  readonly status: AttemptStatus;
  readonly http_status: number | null;
  readonly error_code: string | null;
  readonly provider_response_id: string | null;
  /** ISO 8601 UTC, as all times in rows. */
  readonly started_at: string;
  readonly duration_ms: number | null;
  /** Whose key the provider bills. null: recorded before this was. */
  readonly key_owner: 'customer' | 'platform' | null;
}

/** A row of `usage_records`: one authenticated request. Tokens and cost are the sums over its attempts. */
export interface UsageRecordRow extends Metered {
  readonly request_id: Uuid;
  readonly customer_id: string;
  readonly key_id: Uuid;
  readonly session: string | null;
  readonly tags: readonly string[];
  readonly surface: Surface;
  readonly path: 'gateway' | 'direct';
  readonly cohort: string;
  readonly cohort_reason: string | null;
  readonly provider: string | null;
  readonly requested_model: string | null;
  readonly served_model: string | null;
  readonly stream: boolean;
  readonly status: RecordStatus;
  readonly http_status: number | null;
  readonly error_code: string | null;
  readonly attempts: number;
  /** Attempts whose bill is not known. More than 0 means: `cost_pd` is a lower bound until reconciliation. */
  readonly unknown_attempts: number;
  readonly started_at: string;
  readonly first_byte_ms: number | null;
  readonly duration_ms: number | null;
}

/** The APIs that clients speak to Apex. */
export type Surface = 'chat.completions' | 'responses' | 'messages' | 'embeddings';

/**
 * Journalled before each upstream call. It holds what an `interrupted` record is made of, should this process die
 * before the request ends: the record as it would read then, with every earlier attempt's outcome, and the new attempt.
 */
export interface OpenEntry {
  /** The request's record were it to end now: status `interrupted`, this attempt counted as unknown. */
  readonly record: UsageRecordRow;
  /**
   * All attempts so far; the last one is the one being opened: status `interrupted`, usage `unknown`, no tokens, no price,
   * no answer of the provider, duration 0. The record names the same provider, model and error code.
   */
  readonly attempts: readonly AttemptRow[];
}
