import fc from 'fast-check';
import { keptFrom } from './retention.js';

describe('keptFrom', () => {
  it('is the beginning of a month', () => {
    expect(keptFrom(Date.UTC(2026, 10, 23, 12), 31)).toBe(Date.UTC(2026, 9));
    expect(keptFrom(Date.UTC(2026, 2, 3), 31)).toBe(Date.UTC(2026, 0));
    expect(keptFrom(Date.UTC(2026, 0, 1), 31)).toBe(Date.UTC(2025, 11));
  });

  it('keeps everything without a limit', () => expect(keptFrom(Date.UTC(2026, 0), null)).toBeNull());

  it('keeps at least as many days as it should, at most a month more, and never goes back', () => {
    const instant = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2090, 0) });
    fc.assert(
      fc.property(instant, fc.nat(90 * 86_400_000), fc.integer({ min: 31, max: 3_650 }), (now, later, days) => {
        const from = keptFrom(now, days)!;
        const kept = (now - from) / 86_400_000;
        expect(kept).toBeGreaterThanOrEqual(days);
        expect(kept).toBeLessThan(days + 31);
        expect(keptFrom(now + later, days)!).toBeGreaterThanOrEqual(from);
      }),
    );
  });
});
