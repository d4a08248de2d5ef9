import { jest } from '@jest/globals';
import fc from 'fast-check';
import { Unleash } from 'unleash-client';
import { type FlagState } from '../core/flag-state.js';
import { type Assignment, type TrafficSubject } from '../ports/traffic-router.js';
import { MemoryFlags, OFF, trafficOf } from '../../test/memory-flags.js';

const GATEWAY: Assignment = { cohort: 'gateway' };
const direct = (reason: 'flag_off' | 'not_in_percentage' | 'no_stickiness_id'): Assignment => ({ cohort: 'direct', reason });
const subject = (customerId: string, keyId = 'k', session: string | null = null): TrafficSubject => ({ customerId, keyId, session });

describe('UnleashRouter', () => {
  let flags: MemoryFlags;
  const startWith = async (state: FlagState): Promise<void> => {
    flags = new MemoryFlags(state);
    await flags.router.start();
  };
  beforeEach(() => startWith(OFF));
  afterEach(() => flags.router.stop());

  /** Everyone's state at each percentage; index 0 is 0%. */
  async function sweep(subjects: readonly TrafficSubject[], stickiness: FlagState['traffic']['stickiness'] = 'customer'): Promise<boolean[][]> {
    const inside: boolean[][] = [];
    for (let gatewayPercentage = 0; gatewayPercentage <= 100; gatewayPercentage++) {
      await flags.become(trafficOf({ gatewayPercentage, stickiness }));
      inside.push(subjects.map((one) => flags.router.assign(one).cohort === 'gateway'));
    }
    return inside;
  }

  it('puts ids into the buckets that Unleash puts them into', async () => {
    const ids = ['a', 'tenant-1', 'tenant-42'];
    const inside = await sweep(ids.map((id) => subject(id)));
    const buckets = ids.map((_, index) => inside.findIndex((row) => row[index]));
    expect(buckets).toEqual([36, 86, 84]);
  });

  it.each(['key', 'session'] as const)('uses the same buckets when sticky to the %s', async (stickiness) => {
    const inside = await sweep([subject('somebody', 'tenant-42', 'tenant-42')], stickiness);
    expect(inside.findIndex(([first]) => first)).toBe(84);
  });

  it('keeps whoever is inside when the percentage grows, has nobody at 0 and everybody at 100', async () => {
    const ids = fc.sample(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/), { numRuns: 300, seed: 7 });
    const inside = await sweep(ids.map((id) => subject(id)));
    expect(inside[0]).not.toContain(true);
    expect(inside[100]).not.toContain(false);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }), (p, q) => {
        const [smaller, larger] = [inside[Math.min(p, q)], inside[Math.max(p, q)]];
        smaller?.forEach((isInside, index) => {
          if (isInside) expect(larger?.[index]).toBe(true);
        });
      }),
    );
  });

  it('has about the share that is asked for', async () => {
    await flags.become(trafficOf({ gatewayPercentage: 10 }));
    const inside = Array.from({ length: 20_000 }, (_, i) => flags.router.assign(subject(`customer-${i}`))).filter((one) => one.cohort === 'gateway').length;
    expect(inside / 20_000).toBeGreaterThan(0.09);
    expect(inside / 20_000).toBeLessThan(0.11);
  });

  it('says why a request is outside', async () => {
    expect(flags.router.assign(subject('a'))).toEqual(direct('flag_off'));
    await flags.become(trafficOf({ gatewayPercentage: 35 }));
    expect(flags.router.assign(subject('a'))).toEqual(direct('not_in_percentage'));
    await flags.become(trafficOf({ gatewayPercentage: 36 }));
    expect(flags.router.assign(subject('a'))).toEqual(GATEWAY);
    await flags.become({ ...trafficOf({ gatewayPercentage: 100 }), flags: [] });
    expect(flags.router.assign(subject('a'))).toEqual(direct('flag_off'));
  });

  it('leaves requests without a session outside when sessions decide', async () => {
    await flags.become(trafficOf({ gatewayPercentage: 100, stickiness: 'session' }));
    expect(flags.router.assign(subject('a', 'k', null))).toEqual(direct('no_stickiness_id'));
    expect(flags.router.assign(subject('a', 'k', ''))).toEqual(direct('no_stickiness_id'));
    expect(flags.router.assign(subject('a', 'k', 's'))).toEqual(GATEWAY);
  });

  it('lets in the customers on the lists, whatever flag and percentage say, and nobody else', async () => {
    const state = (flagFor: string[], trafficFor: string[]): FlagState => ({
      flags: [{ name: 'gateway_enabled', enabled: false, alsoFor: flagFor }],
      traffic: { gatewayPercentage: 0, stickiness: 'session', alsoFor: trafficFor },
    });
    await flags.become(state(['demo'], ['demo']));
    expect(flags.router.assign(subject('demo'))).toEqual(GATEWAY);
    expect(flags.router.assign(subject('other'))).toEqual(direct('flag_off'));
    expect(flags.router.isEnabled('gateway_enabled', 'demo')).toBe(true);
    expect(flags.router.isEnabled('gateway_enabled', 'other')).toBe(false);
    expect(flags.router.isEnabled('gateway_enabled', null)).toBe(false);
    await flags.become(state([], ['demo']));
    expect(flags.router.assign(subject('demo'))).toEqual(direct('flag_off'));
    await flags.become(state(['demo'], []));
    expect(flags.router.assign(subject('demo', 'k', 's'))).toEqual(direct('not_in_percentage'));
  });

  it('keeps two customers apart who use the same session', async () => {
    await flags.become({ ...trafficOf({ stickiness: 'session', alsoFor: ['demo'] }) });
    expect(flags.router.assign(subject('demo', 'k', 's'))).toEqual(GATEWAY);
    expect(flags.router.assign(subject('other', 'k', 's'))).toEqual(direct('not_in_percentage'));
  });

  it('is off before it has been started, and forgets that once it has', async () => {
    flags.router.stop();
    flags = new MemoryFlags(trafficOf({ gatewayPercentage: 100 }));
    expect(flags.router.assign(subject('a'))).toEqual(direct('flag_off'));
    await flags.router.start();
    expect(flags.router.assign(subject('a'))).toEqual(GATEWAY);
  });

  describe('its cache', () => {
    let evaluations: jest.SpiedFunction<Unleash['isEnabled']>;
    beforeEach(() => (evaluations = jest.spyOn(Unleash.prototype, 'isEnabled')));
    afterEach(() => evaluations.mockRestore());

    it('evaluates a subject once, and again after a change', async () => {
      await flags.become(trafficOf({ gatewayPercentage: 50 }));
      for (let i = 0; i < 3; i++) flags.router.assign(subject('a'));
      expect(evaluations).toHaveBeenCalledTimes(2); // the flag and the rollout
      await flags.become(trafficOf({ gatewayPercentage: 50 }));
      flags.router.assign(subject('a'));
      expect(evaluations).toHaveBeenCalledTimes(2);
      await flags.become(trafficOf({ gatewayPercentage: 51 }));
      flags.router.assign(subject('a'));
      expect(evaluations).toHaveBeenCalledTimes(4);
    });

    it('evaluates a flag once for each customer', () => {
      for (let i = 0; i < 3; i++) {
        flags.router.isEnabled('billing_enabled', 'a');
        flags.router.isEnabled('billing_enabled', null);
      }
      expect(evaluations).toHaveBeenCalledTimes(2);
    });

    it('does not hold very long sessions', async () => {
      await flags.become(trafficOf({ gatewayPercentage: 100, stickiness: 'session' }));
      for (let i = 0; i < 3; i++) expect(flags.router.assign(subject('a', 'k', 's'.repeat(5_000)))).toEqual(GATEWAY);
      expect(evaluations).toHaveBeenCalledTimes(4); // the flag once, the rollout each time
    });

    it('does not depend on the client while more subjects come than it holds', async () => {
      await flags.become(trafficOf({ gatewayPercentage: 50 }));
      const first = Array.from({ length: 200 }, (_, i) => flags.router.assign(subject(`c${i}`)));
      for (let i = 0; i < 60_000; i++) flags.router.assign(subject(`x${i}`));
      expect(Array.from({ length: 200 }, (_, i) => flags.router.assign(subject(`c${i}`)))).toEqual(first);
    });
  });
});
