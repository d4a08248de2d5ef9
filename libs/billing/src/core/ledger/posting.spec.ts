import fc from 'fast-check';
import { ACCOUNTS, normalizedLines, type PostingLine, sameLines } from './posting.js';

const line: fc.Arbitrary<PostingLine> = fc.record({ account: fc.constantFrom(...ACCOUNTS), amountPd: fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }) });
/** The last line takes what is left over. */
const balanced = fc.tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom(...ACCOUNTS)).map(([lines, account]) => [...lines, { account, amountPd: -lines.reduce((sum, { amountPd }) => sum + amountPd, 0n) }]);

const sumOf = (lines: readonly PostingLine[]): bigint => lines.reduce((sum, { amountPd }) => sum + amountPd, 0n);

describe('the lines of a posting', () => {
  it('keep their sum of zero and each account\'s amount, once an account, without those that move nothing', () => {
    fc.assert(
      fc.property(balanced, (lines) => {
        const kept = normalizedLines(lines);
        expect(sumOf(kept)).toBe(0n);
        expect(new Set(kept.map(({ account }) => account)).size).toBe(kept.length);
        for (const account of ACCOUNTS) {
          const amount = kept.find((one) => one.account === account)?.amountPd;
          expect(amount ?? 0n).toBe(sumOf(lines.filter((one) => one.account === account)));
          expect(amount).not.toBe(0n);
        }
      }),
    );
  });

  it('are the same in any order and however they are split up', () => {
    const shuffledAndSplit = balanced.chain((lines) => {
      const halves = lines.flatMap(({ account, amountPd }) => [
        { account, amountPd: amountPd / 2n },
        { account, amountPd: amountPd - amountPd / 2n },
      ]);
      return fc.tuple(fc.constant(lines), fc.shuffledSubarray(halves, { minLength: halves.length }));
    });
    fc.assert(fc.property(shuffledAndSplit, ([lines, other]) => expect(sameLines(normalizedLines(lines), normalizedLines(other))).toBe(true)));
  });

  it('are others when any amount is moved between two accounts', () => {
    fc.assert(
      fc.property(balanced, fc.shuffledSubarray([...ACCOUNTS], { minLength: 2, maxLength: 2 }), fc.bigInt({ min: 1n, max: 10n ** 30n }), (lines, [from, to], amountPd) => {
        const other = [...lines, { account: to!, amountPd }, { account: from!, amountPd: -amountPd }];
        expect(sameLines(normalizedLines(lines), normalizedLines(other))).toBe(false);
      }),
    );
  });

  it('are refused when they do not sum to zero, by however little', () => {
    fc.assert(
      fc.property(balanced, fc.constantFrom(...ACCOUNTS), fc.bigInt({ min: -3n, max: 3n }).filter((off) => off !== 0n), (lines, account, off) => {
        expect(() => normalizedLines([...lines, { account, amountPd: off }])).toThrow(expect.objectContaining({ code: 'ledger_unbalanced' }));
      }),
    );
  });

  it('are refused when an amount is larger than what is stored exactly', () => {
    const of = (amountPd: bigint): PostingLine[] => [
      { account: 'cash', amountPd },
      { account: 'customer:receivable', amountPd: -amountPd },
    ];
    expect(normalizedLines(of(10n ** 38n - 1n))).toHaveLength(2);
    expect(() => normalizedLines(of(10n ** 38n))).toThrow(expect.objectContaining({ code: 'ledger_amount_too_large' }));
  });
});
