import { AttemptThrottle } from './attempt-throttle.js';

describe('AttemptThrottle', () => {
  it('lets so many tries through in a window, then says how long to wait', () => {
    const throttle = new AttemptThrottle(2, 1000, 10);
    expect([throttle.take('a', 0), throttle.take('a', 100), throttle.take('a', 400), throttle.take('b', 400)]).toEqual([0, 0, 600, 0]);
    expect(throttle.take('a', 1000)).toBe(0);
  });

  it('forgets who proved themselves', () => {
    const throttle = new AttemptThrottle(1, 1000, 10);
    throttle.take('a', 0);
    throttle.clear('a');
    expect(throttle.take('a', 1)).toBe(0);
  });

  it('stays bounded and forgets the one heard of longest ago', () => {
    const throttle = new AttemptThrottle(1, 1000, 2);
    for (const subject of ['a', 'b', 'c']) throttle.take(subject, 0);
    expect(throttle.size).toBe(2);
    expect(throttle.take('c', 1)).toBeGreaterThan(0);
    expect(throttle.take('a', 1)).toBe(0);
  });
});
