import fc from 'fast-check';
import { BacklogAge } from './backlog-age.js';

describe('BacklogAge', () => {
  let now = 0;
  const at = (offset: number, segment = 1) => ({ segment, offset });

  it('is the age of the oldest bytes that wait', () => {
    now = 1_000;
    const age = new BacklogAge(() => now);
    expect(age.ms()).toBe(0);
    age.written(at(10));
    now += 500;
    age.written(at(20));
    now += 500;
    expect(age.ms()).toBe(1_000);
    age.reached(at(10));
    expect(age.ms()).toBe(500);
    age.reached(at(15));
    expect(age.ms()).toBe(500);
    age.reached(at(0, 2));
    expect(age.ms()).toBe(0);
  });

  it('never says less than it is, nor more than a mark more, whatever is written and read', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.record({ wait: fc.nat(300), write: fc.integer({ min: 1, max: 50 }) }), fc.record({ read: fc.nat(80) })), { maxLength: 200 }), (steps) => {
        now = 0;
        const age = new BacklogAge(() => now);
        const groups: { end: number; at: number }[] = [];
        let end = 0;
        let cursor = 0;
        for (const step of steps) {
          if ('write' in step) {
            now += step.wait;
            end += step.write;
            groups.push({ end, at: now });
            age.written(at(end));
          } else {
            cursor = Math.min(end, cursor + step.read);
            age.reached(at(cursor));
          }
          const oldest = groups.find((group) => group.end > cursor);
          const real = oldest === undefined ? 0 : now - oldest.at;
          expect(age.ms()).toBeGreaterThanOrEqual(real);
          expect(age.ms()).toBeLessThan(real + 100);
        }
      }),
    );
  });

  it('stays bounded in a long outage and still knows its beginning', () => {
    now = 0;
    const age = new BacklogAge(() => now);
    for (let offset = 1; offset <= 10_000; offset++) {
      age.written(at(offset));
      now += 1_000;
    }
    expect(age.ms()).toBe(10_000_000);
    expect((age as unknown as { marks: unknown[] }).marks.length).toBeLessThanOrEqual(512);
    age.reached(at(10_000));
    expect(age.ms()).toBe(0);
  });
});
