import { GenaiPriceBook } from '@apex/llm';
import { type LedgerEntry } from '@apex/simulator';
import { type AttemptRow, NO_TOKENS, type TokenUsage, type UsageRecordRow } from '@apex/usage';
import { tokensOf } from './books.js';
import { type Sent } from './load.js';

export interface AuditInput {
  readonly sent: readonly Sent[];
  readonly ledger: readonly LedgerEntry[];
  readonly records: readonly UsageRecordRow[];
  readonly attempts: readonly AttemptRow[];
}

export interface AuditFindings {
  /** What is wrong, in words. Empty: the books are exact. */
  readonly problems: readonly string[];
  readonly final: number;
  /** Requests whose bill is not known, by why. */
  readonly aborted: number;
  readonly interrupted: number;
  /** Attempts that were opened and of which the provider knows nothing. */
  readonly neverSent: number;
  /** Attempts that were under way when their process died. */
  readonly cutShort: number;
}

const prices = new GenaiPriceBook();

export const tokensBilled = (row: LedgerEntry): TokenUsage =>
  row.billed
    ? { promptTokens: row.promptTokens, cachedTokens: row.cachedTokens, cacheWriteTokens: row.cacheWriteTokens, completionTokens: row.completionTokens, reasoningTokens: row.reasoningTokens }
    : NO_TOKENS;

const PRICED_AS: Readonly<Record<LedgerEntry['protocol'], string>> = { 'openai-chat': 'openai', 'openai-responses': 'openai', 'openai-embeddings': 'openai', 'anthropic-messages': 'anthropic', gemini: 'google' };

/** What the provider's row costs by the dated price of the model that it served. @throws for a model without a price */
export function costBilled(row: LedgerEntry): number {
  if (!row.billed) return 0;
  const price = prices.price(PRICED_AS[row.protocol], row.model ?? '', tokensBilled(row), Date.parse(row.startedAt));
  if (price.pricing !== 'priced') throw new Error(`no price for ${row.model}`);
  return price.costPicodollars;
}

/** Compares every row of our books with the provider's ledger and with what the clients saw. */
export function auditBooks({ sent, ledger, records, attempts }: AuditInput): AuditFindings {
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(problem);

  const billed = new Map<string, LedgerEntry>();
  for (const row of ledger) {
    if (row.attemptId === null) say('the provider saw an attempt without an id');
    else if (billed.has(row.attemptId)) say(`the provider saw attempt ${row.attemptId} twice`);
    else billed.set(row.attemptId, row);
  }
  const ours = new Map(attempts.map((attempt) => [attempt.attempt_id, attempt]));
  for (const id of billed.keys()) if (!ours.has(id)) say(`the provider has attempt ${id}, we have not`);

  let neverSent = 0;
  const byRequest = new Map<string, AttemptRow[]>();
  for (const attempt of attempts) {
    byRequest.set(attempt.request_id, [...(byRequest.get(attempt.request_id) ?? []), attempt]);
    const theirs = billed.get(attempt.attempt_id);
    if (theirs === undefined) neverSent++;
    auditAttempt(attempt, theirs, say);
  }

  const bySession = new Map<string, UsageRecordRow[]>();
  for (const record of records) {
    bySession.set(record.session ?? '', [...(bySession.get(record.session ?? '') ?? []), record]);
    auditRecord(record, byRequest.get(record.request_id) ?? [], say);
    byRequest.delete(record.request_id);
  }
  for (const id of byRequest.keys()) say(`request ${id} has attempts and no record`);

  for (const one of sent) {
    auditSent(one, bySession.get(one.plan.session) ?? [], say);
    bySession.delete(one.plan.session);
  }
  for (const session of bySession.keys()) say(`a record of ${session}, which nobody sent`);
  const count = (status: UsageRecordRow['status']): number => records.filter((record) => record.status === status).length;
  return { problems, final: count('final'), aborted: count('aborted'), interrupted: count('interrupted'), neverSent, cutShort: attempts.filter((attempt) => attempt.error_code === 'process_died').length };
}

function auditAttempt(attempt: AttemptRow, theirs: LedgerEntry | undefined, say: (problem: string) => void): void {
  const what = `attempt ${attempt.attempt_id} (${attempt.status}, ${attempt.error_code ?? 'no error'})`;
  switch (attempt.status) {
    case 'final':
      if (theirs === undefined) return say(`${what}: the provider does not know it`);
      if (!sameTokens(tokensOf(attempt), tokensBilled(theirs))) say(`${what}: ${JSON.stringify(tokensOf(attempt))}, billed ${JSON.stringify(tokensBilled(theirs))}`);
      if (attempt.cost_pd !== costBilled(theirs)) say(`${what}: costs ${attempt.cost_pd} pd, billed ${costBilled(theirs)}`);
      if (attempt.usage_source !== 'provider' || attempt.pricing !== 'priced') say(`${what}: ${attempt.usage_source}, ${attempt.pricing}`);
      return;
    case 'failed':
      if (theirs?.billed === true) say(`${what}: the provider bills it`);
      if (theirs === undefined && attempt.http_status !== null) say(`${what}: answered with ${attempt.http_status} by nobody`);
      if (!isNothing(attempt) || attempt.usage_source !== 'none') say(`${what}: not nothing`);
      return;
    case 'aborted':
    case 'interrupted':
      if (theirs === undefined && attempt.error_code !== 'process_died') say(`${what}: the provider does not know it`);
      if (!isNothing(attempt) || attempt.usage_source !== 'unknown') say(`${what}: not flagged as unknown`);
      return;
  }
}

function auditRecord(record: UsageRecordRow, attempts: readonly AttemptRow[], say: (problem: string) => void): void {
  const what = `record ${record.request_id} (${record.session}, ${record.status})`;
  const unknown = attempts.filter((attempt) => attempt.usage_source === 'unknown').length;
  if (record.attempts !== attempts.length) say(`${what}: says ${record.attempts} attempts, has ${attempts.length}`);
  if (record.unknown_attempts !== unknown) say(`${what}: says ${record.unknown_attempts} unknown, has ${unknown}`);
  const isUnknown = record.status === 'aborted' || record.status === 'interrupted';
  if (isUnknown !== unknown > 0) say(`${what}: ${unknown} attempts are unknown`);
  if (isUnknown !== (record.usage_source === 'unknown')) say(`${what}: usage source ${record.usage_source}`);
  if (record.cost_pd !== attempts.reduce((sum, attempt) => sum + attempt.cost_pd, 0)) say(`${what}: its cost is not its attempts'`);
  const sum = attempts.map(tokensOf).reduce(addTokens, NO_TOKENS);
  if (!sameTokens(tokensOf(record), sum)) say(`${what}: its tokens are not its attempts'`);
}

function auditSent({ plan, status, requestId, tokensUsed, end }: Sent, records: readonly UsageRecordRow[], say: (problem: string) => void): void {
  const what = `${plan.session} (${end}, ${status})`;
  const [record] = records;
  if (end === 'refused' ? records.length > 0 : end === 'broken' ? records.length > 1 : records.length !== 1) return say(`${what}: ${records.length} records`);
  if (record === undefined || end === 'broken' || end === 'refused') return;
  if (record.request_id !== requestId) say(`${what}: told id ${requestId}, recorded ${record.request_id}`);
  if (status !== plan.status) say(`${what}: planned ${plan.status}`);
  // nginx' 499 stands for a client that left. A process that died cannot say what its clients saw.
  if (record.error_code !== 'process_died' && record.http_status !== (record.status === 'aborted' ? 499 : status)) say(`${what}: recorded ${record.http_status}`);
  if (tokensUsed !== null && tokensUsed !== record.prompt_tokens + record.completion_tokens) say(`${what}: told ${tokensUsed} tokens`);
  if ((record.status === 'aborted' || record.status === 'interrupted') && !plan.disturbed) say(`${what}: ${record.status}, ${record.error_code}, and nothing disturbed it`);
}

const COUNTS = Object.keys(NO_TOKENS) as (keyof TokenUsage)[];
const sameTokens = (a: TokenUsage, b: TokenUsage): boolean => COUNTS.every((name) => a[name] === b[name]);
const isNothing = (attempt: AttemptRow): boolean => sameTokens(tokensOf(attempt), NO_TOKENS) && attempt.cost_pd === 0;

export const addTokens = (a: TokenUsage, b: TokenUsage): TokenUsage => ({
  promptTokens: a.promptTokens + b.promptTokens,
  cachedTokens: a.cachedTokens + b.cachedTokens,
  cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  completionTokens: a.completionTokens + b.completionTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
});
