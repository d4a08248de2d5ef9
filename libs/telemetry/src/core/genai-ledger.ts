import { type AttemptRow, type UsageRecordRow } from '@apex/usage';
import { type Distribution, newDistribution, record as count } from './distribution.js';
import { FIRST_TOKEN_BOUNDS, OPERATION_BOUNDS, type Operation, PER_TOKEN_BOUNDS, TOKEN_BOUNDS, errorType, operationOf } from './genai.js';

/** What is told of one operation on one model of one provider. */
export interface GenAiSeries {
  readonly operation: Operation;
  readonly provider: string;
  /** null: models without a series of their own */
  readonly model: string | null;
  /** Calls to the provider by `error.type`; null for those that ended well. */
  readonly calls: Map<string | null, Distribution>;
  /** Requests of callers, the same way. */
  readonly requests: Map<string | null, Distribution>;
  readonly inputTokens: Distribution;
  readonly outputTokens: Distribution;
  readonly firstToken: Distribution;
  readonly perToken: Distribution;
}

const MAX_SERIES = 500;
const MAX_ERRORS = 32;
const OTHER_ERROR = '_OTHER';

/**
 * Counts for OpenTelemetry's GenAI metrics, in plain numbers that are read when they are sent. A model has a series of
 * its own only once it has answered: callers can ask for any name.
 */
export class GenAiLedger {
  readonly series: GenAiSeries[] = [];
  private readonly index: Readonly<Record<Operation, Map<string, Map<string | null, GenAiSeries>>>> = { chat: new Map(), embeddings: new Map() };

  observe(record: UsageRecordRow, attempts: readonly AttemptRow[]): void {
    const operation = operationOf(record.surface);
    for (let i = 0; i < attempts.length; i++) this.observeCall(operation, attempts[i]!);
    if (record.provider !== null) this.observeRequest(this.find(operation, record.provider, record.served_model, false), record);
  }

  private observeCall(operation: Operation, attempt: AttemptRow): void {
    const series = this.find(operation, attempt.provider, attempt.model, attempt.status === 'final');
    count(byError(series.calls, errorType(attempt)), OPERATION_BOUNDS, attempt.duration_ms ?? 0);
    if (attempt.usage_source !== 'provider' && attempt.usage_source !== 'tokenizer') return;
    count(series.inputTokens, TOKEN_BOUNDS, attempt.prompt_tokens);
    count(series.outputTokens, TOKEN_BOUNDS, attempt.completion_tokens);
  }

  private observeRequest(series: GenAiSeries, record: UsageRecordRow): void {
    const error = errorType(record);
    const duration = record.duration_ms ?? 0;
    count(byError(series.requests, error), OPERATION_BOUNDS, duration);
    // Of an answer that comes whole nobody knows when its first token was there.
    if (error !== null || !record.stream || record.first_byte_ms === null) return;
    count(series.firstToken, FIRST_TOKEN_BOUNDS, record.first_byte_ms);
    if (record.completion_tokens > 1) count(series.perToken, PER_TOKEN_BOUNDS, (duration - record.first_byte_ms) / (record.completion_tokens - 1));
  }

  private find(operation: Operation, provider: string, model: string | null, own: boolean): GenAiSeries {
    let byModel = this.index[operation].get(provider);
    if (byModel === undefined) this.index[operation].set(provider, (byModel = new Map()));
    const found = byModel.get(model);
    if (found !== undefined) return found;
    const name = own && this.series.length < MAX_SERIES ? model : null;
    let series = byModel.get(name);
    if (series === undefined) {
      series = newSeries(operation, provider, name);
      byModel.set(name, series);
      this.series.push(series);
    }
    return series;
  }
}

function byError(distributions: Map<string | null, Distribution>, error: string | null): Distribution {
  const found = distributions.get(error);
  if (found !== undefined) return found;
  if (distributions.size >= MAX_ERRORS && error !== OTHER_ERROR) return byError(distributions, OTHER_ERROR);
  const added = newDistribution(OPERATION_BOUNDS);
  distributions.set(error, added);
  return added;
}

const newSeries = (operation: Operation, provider: string, model: string | null): GenAiSeries => ({
  operation,
  provider,
  model,
  calls: new Map(),
  requests: new Map(),
  inputTokens: newDistribution(TOKEN_BOUNDS),
  outputTokens: newDistribution(TOKEN_BOUNDS),
  firstToken: newDistribution(FIRST_TOKEN_BOUNDS),
  perToken: newDistribution(PER_TOKEN_BOUNDS),
});
