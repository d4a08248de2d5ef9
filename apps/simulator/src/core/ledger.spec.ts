import { Ledger, type LedgerEntry, NO_TOKENS } from './ledger.js';

const entry = (attemptId: string): LedgerEntry => ({ attemptId, responseId: null, protocol: 'openai-embeddings', endpoint: 'embeddings', model: null, stream: false, startedAt: '', endedAt: '', outcome: 'refused', httpStatus: 400, ...NO_TOKENS, billed: false });

describe('Ledger', () => {
  it('keeps the newest rows in order and counts the dropped ones', () => {
    const seen: string[] = [];
    const ledger = new Ledger(3, (row) => seen.push(row.attemptId ?? ''));
    for (const id of ['a', 'b', 'c', 'd', 'e']) ledger.append(entry(id));
    expect(ledger.entries().map((row) => row.attemptId)).toEqual(['c', 'd', 'e']);
    expect([ledger.size, ledger.dropped]).toEqual([3, 2]);
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    ledger.clear();
    expect([ledger.entries(), ledger.dropped]).toEqual([[], 0]);
  });
});
