import fc from 'fast-check';
import { type Sample, slopePerMinute } from './slope.js';

const samplesOf = (perMinute: number, start: number, count: number): Sample[] =>
  Array.from({ length: count }, (_, i) => ({ seconds: i * 5, residentMib: start + (perMinute * i * 5) / 60, loopP99Ms: 0, backlogMib: 0 }));

describe('slopePerMinute', () => {
  it('is the growth of what grows evenly', () => {
    fc.assert(
      fc.property(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 0, max: 500 }), fc.integer({ min: 2, max: 100 }), (perMinute, start, count) => {
        expect(slopePerMinute(samplesOf(perMinute, start, count), ({ residentMib }) => residentMib)).toBeCloseTo(perMinute, 6);
      }),
    );
  });

  it('is nothing where nothing can be told', () => {
    expect(slopePerMinute([], ({ residentMib }) => residentMib)).toBe(0);
    expect(slopePerMinute(samplesOf(1, 1, 1), ({ residentMib }) => residentMib)).toBe(0);
  });
});
