import { type ExportRow, judge, type KnownAttempt } from './reconciliation.js';
import { NO_TOKENS } from './usage.types.js';

const attemptId = '01956c00-0000-7000-8000-000000000001';
const usage = { promptTokens: 100, cachedTokens: 20, cacheWriteTokens: 0, completionTokens: 30, reasoningTokens: 10 };
const row: ExportRow = { attemptId, ...usage };
const known = (overrides: Partial<KnownAttempt> = {}): KnownAttempt => ({ attemptId, status: 'final', settled: false, usage, ...overrides });

describe('judging a line of a provider\'s export', () => {
  it('agrees when every count does', () => {
    expect(judge(row, known())).toEqual({ kind: 'agrees' });
  });

  it.each(['promptTokens', 'cachedTokens', 'cacheWriteTokens', 'completionTokens', 'reasoningTokens'] as const)('notices that %s differ', (count) => {
    const verdict = judge({ ...row, [count]: usage[count] + 1 }, known());
    expect(verdict).toMatchObject({ kind: 'differs', difference: { kind: 'usage_differs', attemptId, ours: { ...usage, status: 'final' }, theirs: { [count]: usage[count] + 1, billed: true } } });
  });

  it('does not compare counts that the export leaves out', () => {
    expect(judge({ attemptId, promptTokens: 100, completionTokens: 30 }, known())).toEqual({ kind: 'agrees' });
  });

  it.each(['aborted', 'interrupted'] as const)('settles an %s attempt, at nothing when it is not billed', (status) => {
    const open = known({ status, usage: NO_TOKENS });
    expect(judge(row, open)).toEqual({ kind: 'settle', usage });
    expect(judge({ attemptId, promptTokens: 100, completionTokens: 30 }, open)).toEqual({ kind: 'settle', usage: { ...usage, cachedTokens: 0, reasoningTokens: 0 } });
    expect(judge({ ...row, billed: false }, open)).toEqual({ kind: 'settle', usage: NO_TOKENS });
  });

  it('never settles twice, and tells when the second export says otherwise', () => {
    const settled = known({ status: 'aborted', settled: true });
    expect(judge(row, settled)).toEqual({ kind: 'already_settled' });
    expect(judge({ ...row, completionTokens: 31 }, settled)).toMatchObject({ kind: 'differs', difference: { kind: 'usage_differs' } });
  });

  it('tells of a failed attempt that is billed, and agrees when it is not', () => {
    const failed = known({ status: 'failed', usage: NO_TOKENS });
    expect(judge(row, failed)).toMatchObject({ kind: 'differs', difference: { kind: 'usage_differs' } });
    expect(judge({ ...row, billed: false }, failed)).toEqual({ kind: 'agrees' });
  });

  it('tells of a final attempt that the provider does not bill', () => {
    expect(judge({ ...row, billed: false }, known())).toMatchObject({ kind: 'differs', difference: { theirs: { ...NO_TOKENS, billed: false } } });
  });

  it('tells of attempts that are not in the books', () => {
    expect(judge(row, undefined)).toEqual({ kind: 'differs', difference: { kind: 'unknown_here', attemptId, theirs: { ...usage, billed: true } } });
  });
});
