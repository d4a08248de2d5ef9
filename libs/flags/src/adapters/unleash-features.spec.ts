import { BASE_FLAGS } from '../core/definitions.js';
import { OFF, trafficOf } from '../../test/memory-flags.js';
import { ROLLOUT_FEATURE, stickinessOf, toFeatures } from './unleash-features.js';

describe('rows as Unleash features', () => {
  it('makes a feature of every definition and the traffic, and of nothing else', () => {
    const features = toFeatures(BASE_FLAGS, { ...OFF, flags: [{ name: 'of_a_newer_version', enabled: true, alsoFor: [] }] });
    expect([...features.keys()].sort()).toEqual(['billing_enabled', 'gateway-rollout', 'gateway_enabled', 'usage_limits_enforced', 'validation_workbench']);
  });

  it('turns a flag on for all, for some, for none', () => {
    const flag = (enabled: boolean, alsoFor: string[]) => toFeatures(BASE_FLAGS, { ...OFF, flags: [{ name: 'gateway_enabled', enabled, alsoFor }] }).get('gateway_enabled');
    const only = (values: string[]) => [{ name: 'default', parameters: {}, constraints: [{ contextName: 'customerId', operator: 'IN', inverted: false, values }] }];
    expect(flag(true, ['demo'])).toMatchObject({ enabled: true, strategies: [{ name: 'default', constraints: [] }] });
    expect(flag(false, ['demo'])?.strategies).toEqual(only(['demo']));
    expect(flag(false, [])?.strategies).toEqual(only([]));
    expect(toFeatures(BASE_FLAGS, OFF).get('billing_enabled')?.strategies).toEqual(only([]));
  });

  it.each([
    ['customer', 'customerId'],
    ['key', 'keyId'],
    ['session', 'session'],
  ] as const)('makes traffic sticky to the %s', (stickiness, property) => {
    const feature = toFeatures(BASE_FLAGS, trafficOf({ gatewayPercentage: 10, stickiness })).get(ROLLOUT_FEATURE);
    expect(feature?.strategies?.[0]).toMatchObject({ name: 'flexibleRollout', parameters: { rollout: '10', stickiness: property, groupId: 'gateway-rollout' } });
    expect(stickinessOf(feature)).toBe(stickiness);
  });

  it('knows no stickiness where there is no rollout', () => {
    expect(stickinessOf(undefined)).toBeNull();
    expect(stickinessOf({ name: 'x', enabled: true, strategies: [{ name: 'default', parameters: {}, constraints: [] }] })).toBeNull();
  });
});
