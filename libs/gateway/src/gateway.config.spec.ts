import { ConfigError, parseEnv } from '@apex/common';
import { gatewayConfigSchema } from './gateway.config.js';

describe('the environment of the cache', () => {
  it('bounds what is kept, and for how long', () => {
    expect(parseEnv(gatewayConfigSchema, {})).toMatchObject({ APEX_CACHE_MEMORY_BYTES: 67_108_864, APEX_CACHE_SHARED_BYTES: 536_870_912, APEX_CACHE_MAX_TTL_SECONDS: 2_592_000 });
    expect(parseEnv(gatewayConfigSchema, { APEX_CACHE_MEMORY_BYTES: '0', APEX_CACHE_SHARED_BYTES: '1', APEX_CACHE_MAX_TTL_SECONDS: '60' })).toMatchObject({ APEX_CACHE_MEMORY_BYTES: 0, APEX_CACHE_SHARED_BYTES: 1, APEX_CACHE_MAX_TTL_SECONDS: 60 });
  });

  it.each([
    ['APEX_CACHE_MEMORY_BYTES', '64MB'],
    ['APEX_CACHE_SHARED_BYTES', '-1'],
    ['APEX_CACHE_MAX_TTL_SECONDS', '0'],
    ['APEX_CACHE_MAX_TTL_SECONDS', '2592001'],
  ])('refuses %s=%s, by its name', (name, value) => {
    expect(() => parseEnv(gatewayConfigSchema, { [name]: value })).toThrow(ConfigError);
    expect(() => parseEnv(gatewayConfigSchema, { [name]: value })).toThrow(name);
  });
});
