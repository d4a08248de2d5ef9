import { flagsEnvSchema, unleashConfig } from './flags.config.js';

const read = (env: Record<string, string>): ReturnType<typeof unleashConfig> => unleashConfig(flagsEnvSchema.parse(env));
const url = 'https://unleash.example/';

describe('the configuration of Unleash', () => {
  it('is none without an address', () => {
    expect(read({ UNLEASH_API_TOKEN: 'default:production.x' })).toBeNull();
  });

  it('takes the environment from the token, and an address with or without /api', () => {
    const expected = { url: 'https://unleash.example/api', token: 'default:production.x', environment: 'production', refreshMs: 5_000 };
    for (const address of [url, 'https://unleash.example', 'https://unleash.example/api/']) expect(read({ UNLEASH_URL: address, UNLEASH_API_TOKEN: 'default:production.x' })).toEqual(expected);
    expect(read({ UNLEASH_URL: url, UNLEASH_API_TOKEN: 'opaque', UNLEASH_ENVIRONMENT: 'staging', UNLEASH_REFRESH_MS: '1000' })).toMatchObject({ environment: 'staging', refreshMs: 1_000 });
  });

  it.each([
    ['UNLEASH_API_TOKEN', { UNLEASH_URL: url }],
    ['UNLEASH_ENVIRONMENT', { UNLEASH_URL: url, UNLEASH_API_TOKEN: 'default:production.x', UNLEASH_ENVIRONMENT: 'development' }],
    ['UNLEASH_URL', { UNLEASH_URL: 'ftp://x', UNLEASH_API_TOKEN: 'default:production.x' }],
    ['UNLEASH_REFRESH_MS', { UNLEASH_URL: url, UNLEASH_API_TOKEN: 'default:production.x', UNLEASH_REFRESH_MS: '1' }],
  ])('names %s when it is wrong', (variable, env) => {
    expect(flagsEnvSchema.safeParse(env).error?.issues.map((issue) => issue.path)).toEqual([[variable]]);
  });
});
