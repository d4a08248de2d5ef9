import { type LedgerEntry, type RunningSimulator } from '@apex/simulator';
import { type AttemptRow, NO_TOKENS } from '@apex/usage';
import { type Apex } from './apex.js';
import { addTokens, type AuditFindings, auditBooks, costBilled, tokensBilled } from './audit-of-books.js';
import { type Books, openBooks } from './books.js';
import { eventually } from '../../support/eventually.js';
import { type Sent } from './load.js';

/** How long records may take into the tables once traffic has ended. */
const RECORDED_WITHIN_MS = 20_000;

interface ReconcileAnswer {
  readonly counts: Readonly<Record<'rows' | 'duplicates' | 'agreeing' | 'settled' | 'settledUnpriced' | 'alreadySettled' | 'usageDiffers' | 'unknownHere' | 'missingThere' | 'stillUnknown', number>>;
  readonly differences: readonly unknown[];
}

export interface UsageAnswer {
  readonly total: Readonly<Record<'requests' | 'promptTokens' | 'cachedTokens' | 'cacheWriteTokens' | 'completionTokens' | 'reasoningTokens' | 'unknownAttempts', number>> & {
    readonly costPicodollars: string;
    readonly byStatus: Readonly<Record<string, number>>;
  };
}

/**
 * Holds the books against the provider's ledger and the clients' own account; then settles what is not known by
 * reconciliation, and holds the sums against the ledger's.
 * @param inFlightAtDeath requests that may have been under way when a process died
 */
export async function expectExactBooks(apex: Apex, sent: readonly Sent[], inFlightAtDeath = 0): Promise<AuditFindings> {
  const found = await expectBooksToAgree(apex, sent);
  const hungUp = sent.filter(({ end }) => end === 'hung_up').length;
  const disturbed = sent.filter(({ plan }) => plan.disturbed).length;
  expect(found.final).toBeGreaterThan(sent.length * 0.75);
  expect(found.aborted).toBeGreaterThan(0);
  expect(found.aborted).toBeLessThanOrEqual(hungUp + inFlightAtDeath);
  expect(found.interrupted).toBeGreaterThan(0);
  expect(found.aborted + found.interrupted).toBeLessThanOrEqual(disturbed + inFlightAtDeath);
  expect(found.neverSent).toBeLessThanOrEqual(inFlightAtDeath);
  return found;
}

/** The same whatever became of the traffic. `simulators`: all that Apex has called, where that is more than one. */
export async function expectBooksToAgree(apex: Apex, sent: readonly Sent[], simulators: readonly RunningSimulator[] = [apex.simulator]): Promise<AuditFindings> {
  await Promise.all(simulators.map((simulator) => simulator.settled()));
  const ledger = simulators.flatMap((simulator) => simulator.ledger());
  const books = await openBooks(apex.databaseUrl);
  try {
    await whenRecorded(books, sent, ledger);
    const [records, attempts] = await Promise.all([books.records(), books.attempts()]);
    const found = auditBooks({ sent, ledger, records, attempts });
    expect(found.problems.slice(0, 20)).toEqual([]);

    const inLedger = new Set(ledger.map(({ attemptId }) => attemptId));
    const unknown = attempts.filter((attempt) => attempt.usage_source === 'unknown');
    const settleable = unknown.filter((attempt) => inLedger.has(attempt.attempt_id)).length;
    const before = await usage(apex);
    expect(before.total).toMatchObject({ requests: records.length, unknownAttempts: unknown.length });

    const exports = exportsOf(ledger, attempts);
    const first = await reconcile(apex, exports);
    expect(first.differences).toEqual([]);
    expect(first.counts).toEqual({
      rows: ledger.length,
      duplicates: 0,
      agreeing: ledger.length - settleable,
      settled: settleable,
      settledUnpriced: 0,
      alreadySettled: 0,
      usageDiffers: 0,
      unknownHere: 0,
      missingThere: 0,
      stillUnknown: unknown.length - settleable,
    });

    const { total } = await usage(apex);
    expect(total).toMatchObject({
      requests: records.length,
      ...ledger.map(tokensBilled).reduce(addTokens, NO_TOKENS),
      costPicodollars: String(ledger.reduce((sum, row) => sum + BigInt(costBilled(row)), 0n)),
      unknownAttempts: unknown.length - settleable,
    });

    const second = await reconcile(apex, exports);
    expect(second.counts).toMatchObject({ settled: 0, alreadySettled: settleable, agreeing: ledger.length - settleable, usageDiffers: 0 });
    expect((await usage(apex)).total).toEqual(total);
    return found;
  } finally {
    await books.close();
  }
}

/** Each provider's own export. Providers that were called and know nothing of it have an empty one. */
function exportsOf(ledger: readonly LedgerEntry[], attempts: readonly AttemptRow[]): ReadonlyMap<string, readonly LedgerEntry[]> {
  const providerOf = new Map(attempts.map(({ attempt_id: id, provider }) => [id as string, provider]));
  const exports = new Map<string, LedgerEntry[]>(attempts.map(({ provider }) => [provider, []]));
  for (const row of ledger) exports.get(providerOf.get(row.attemptId ?? '') ?? '')?.push(row);
  return exports;
}

/** Until every request that a client saw end, and every attempt that the provider saw, is in the tables, or the time is up. */
async function whenRecorded(books: Books, sent: readonly Sent[], ledger: readonly LedgerEntry[]): Promise<void> {
  const sessions = sent.filter(({ end }) => end === 'answered' || end === 'hung_up').map(({ plan }) => plan.session);
  const complete = async (): Promise<true | undefined> => {
    const [records, attempts] = await Promise.all([books.records(), books.attempts()]);
    const recorded = new Set(records.map((record) => record.session));
    const known = new Set<string | null>(attempts.map((attempt) => attempt.attempt_id));
    return sessions.every((session) => recorded.has(session)) && ledger.every(({ attemptId }) => known.has(attemptId)) ? true : undefined;
  };
  // What is missing then is told by the audit, row by row.
  await eventually('all records', complete, RECORDED_WITHIN_MS).catch(() => undefined);
}

async function usage(apex: Apex): Promise<UsageAnswer> {
  const answer = await apex.api<UsageAnswer>('GET', '/api/usage', undefined, apex.apiKey);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** All providers' reports as one. */
async function reconcile(apex: Apex, exports: ReadonlyMap<string, readonly LedgerEntry[]>): Promise<ReconcileAnswer> {
  const answers: ReconcileAnswer[] = [];
  for (const [provider, ledger] of exports) answers.push(await reconcileOne(apex, provider, ledger));
  const names = Object.keys(answers[0]!.counts) as (keyof ReconcileAnswer['counts'])[];
  return {
    counts: Object.fromEntries(names.map((name) => [name, answers.reduce((sum, { counts }) => sum + counts[name], 0)])) as unknown as ReconcileAnswer['counts'],
    differences: answers.flatMap(({ differences }) => differences),
  };
}

async function reconcileOne(apex: Apex, provider: string, ledger: readonly LedgerEntry[]): Promise<ReconcileAnswer> {
  const rows = ledger.map(({ attemptId, responseId, model, billed, promptTokens, cachedTokens, cacheWriteTokens, completionTokens, reasoningTokens }) => ({
    attemptId,
    responseId,
    model,
    billed,
    promptTokens,
    cachedTokens,
    cacheWriteTokens,
    completionTokens,
    reasoningTokens,
  }));
  const answer = await apex.api<ReconcileAnswer>('POST', '/api/admin/reconcile', { provider, rows });
  expect({ status: answer.status, body: answer.status < 300 ? 'a report' : answer.body }).toEqual({ status: expect.any(Number) as number, body: 'a report' });
  return answer.body;
}
