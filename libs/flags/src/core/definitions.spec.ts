import { BASE_FLAGS, collectDefinitions } from './definitions.js';

describe('definitions of flags', () => {
  it('has the four flags of every Apex', () => {
    expect(BASE_FLAGS.map((flag) => flag.name)).toEqual(['gateway_enabled', 'billing_enabled', 'usage_limits_enforced', 'validation_workbench']);
  });

  it('takes more from other libs, in their order', () => {
    const all = collectDefinitions(BASE_FLAGS, [{ name: 'exact_cache_off', description: 'x' }]);
    expect([...all.keys()].at(-1)).toBe('exact_cache_off');
    expect(all.size).toBe(5);
  });

  it.each([
    ['a name that is taken', 'gateway_enabled', /defined twice/],
    ['a name with a hyphen, which could be the rollout feature\'s', 'gateway-rollout', /snake case/],
    ['no name', '', /snake case/],
  ])('refuses %s', (_what, name, message) => {
    expect(() => collectDefinitions(BASE_FLAGS, [{ name, description: 'x' }])).toThrow(message);
  });
});
