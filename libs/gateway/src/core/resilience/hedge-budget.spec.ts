import fc from 'fast-check';
import { HedgeBudget } from './hedge-budget.js';

/** How many of these requests may be sent twice, where each of them would be. */
function hedgesAmong(budget: HedgeBudget, route: string, requests: number): number {
  let hedges = 0;
  for (let i = 0; i < requests; i++) {
    budget.earn(route);
    if (!budget.allows(route)) continue;
    budget.spend(route);
    hedges++;
  }
  return hedges;
}

describe('HedgeBudget', () => {
  it('lets one request in twenty be sent twice, and one more', () => {
    expect(hedgesAmong(new HedgeBudget(), 'a', 1)).toBe(1);
    expect(hedgesAmong(new HedgeBudget(), 'a', 19)).toBe(1);
    expect(hedgesAmong(new HedgeBudget(), 'a', 20)).toBe(2);
    expect(hedgesAmong(new HedgeBudget(), 'a', 2_000)).toBe(101);
  });

  it('saves up for ten at most', () => {
    const budget = new HedgeBudget();
    for (let i = 0; i < 10_000; i++) budget.earn('a');
    let hedges = 0;
    for (; budget.allows('a'); hedges++) budget.spend('a');
    expect(hedges).toBe(10);
  });

  it('of one route is not spent by another', () => {
    const budget = new HedgeBudget();
    hedgesAmong(budget, 'a', 5);
    expect(budget.allows('a')).toBe(false);
    expect(budget.allows('b')).toBe(true);
  });

  it('is kept at every moment, whatever is slow and when', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 1_000 }), (slow) => {
        const budget = new HedgeBudget();
        let hedges = 0;
        for (const [index, isSlow] of slow.entries()) {
          budget.earn('a');
          if (isSlow && budget.allows('a')) {
            budget.spend('a');
            hedges++;
          }
          expect(hedges).toBeLessThanOrEqual(1 + (index + 1) / 20);
        }
      }),
    );
  });
});
