import fc from 'fast-check';
import { FailureThrottle } from './failure-throttle.js';

const limits = { perAddress: 3, perName: 5, windowMs: 1_000, mostSubjects: 100 };

describe('FailureThrottle', () => {
  it('lets an address wait that has failed too often, whatever it tries next, until the window ends', () => {
    const throttle = new FailureThrottle(limits);
    expect(['a', 'b', 'c'].map((name) => throttle.failed('192.0.2.1', name, 0))).toEqual([false, false, true]);
    expect([throttle.waitMs('192.0.2.1', 'd', 400), throttle.waitMs('192.0.2.2', 'a', 400)]).toEqual([600, 0]);
    expect(throttle.failed('192.0.2.1', 'd', 500)).toBe(false);
    expect(throttle.waitMs('192.0.2.1', 'd', 1_000)).toBe(0);
  });

  it('closes a name that many addresses guess at to those that have guessed, and to nobody else', () => {
    const throttle = new FailureThrottle(limits);
    for (let i = 1; i <= 5; i++) throttle.failed(`192.0.2.${i}`, 'apex_abcd', 0);
    expect(throttle.waitMs('192.0.2.1', 'apex_abcd', 10)).toBe(990);
    expect([throttle.waitMs('192.0.2.1', 'apex_efgh', 10), throttle.waitMs('198.51.100.1', 'apex_abcd', 10)]).toEqual([0, 0]);
  });

  it('takes the addresses of one IPv6 subscriber for one, and an IPv4 address for itself in both its spellings', () => {
    const throttle = new FailureThrottle(limits);
    for (let i = 1; i <= 3; i++) throttle.failed(`2001:db8:1:2::${i}`, 'a', 0);
    expect([throttle.waitMs('2001:db8:1:2:ffff::9', 'b', 0), throttle.waitMs('2001:db8:1:3::1', 'b', 0)]).toEqual([1_000, 0]);
    for (let i = 1; i <= 3; i++) throttle.failed('::ffff:192.0.2.7', 'a', 0);
    expect(throttle.waitMs('192.0.2.7', 'b', 0)).toBe(1_000);
  });

  it('remembers a bounded number of addresses and names', () => {
    const throttle = new FailureThrottle(limits);
    for (let i = 0; i < 10_000; i++) throttle.failed(`10.${(i >> 8) & 255}.${i & 255}.1`, `name-${i}`, 0);
    expect(throttle.size).toBe(200);
  });

  it('never keeps out an address that has not failed itself, whatever the others do', () => {
    const event = fc.record({ address: fc.integer({ min: 1, max: 20 }), name: fc.constantFrom('x', 'y', 'z'), after: fc.integer({ min: 0, max: 400 }) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const throttle = new FailureThrottle(limits);
        let now = 0;
        for (const { address, name, after } of events) throttle.failed(`192.0.2.${address}`, name, (now += after));
        return ['x', 'y', 'z'].every((name) => throttle.waitMs('198.51.100.1', name, now) === 0);
      }),
    );
  });

  it('lets no address have more failures in a window than its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 50 })), { maxLength: 100 }), (tries) => {
        const throttle = new FailureThrottle(limits);
        let now = 0;
        const failed: number[] = [];
        for (const [name, after] of tries) {
          now += after;
          if (throttle.waitMs('192.0.2.1', name, now) > 0) continue;
          throttle.failed('192.0.2.1', name, now);
          failed.push(now);
        }
        // A fixed window: never more than its limit in one, so never more than twice that in any span as long.
        return failed.every((at) => failed.filter((other) => other >= at && other < at + limits.windowMs).length <= 2 * limits.perAddress);
      }),
    );
  });
});
