import { resolve } from 'node:path';
import { ConfigError } from '@apex/common';
import { readStartConfig } from './start.config.js';

describe('readStartConfig', () => {
  it('needs nothing: embedded stores, a simulated provider, port 8080, .apex', () => {
    expect(readStartConfig({})).toEqual({
      production: false,
      port: 8080,
      host: '127.0.0.1',
      home: resolve('.apex'),
      cacheDir: resolve('.cache'),
      role: 'all',
      databaseUrl: null,
      redisUrl: null,
      simulate: true,
    });
  });

  it('takes empty variables for unset ones', () => expect(readStartConfig({ DATABASE_URL: '', PORT: '' })).toEqual(readStartConfig({})));

  it.each([{ OPENAI_API_KEY: 'sk-x' }, { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' }, { NODE_ENV: 'production' }])('simulates no provider with %j', (env) => {
    expect(readStartConfig(env).simulate).toBe(false);
  });

  it('lets port 0 stand for any free one', () => expect(readStartConfig({ PORT: '0' }).port).toBe(0));

  it.each(['PORT', 'DATABASE_URL', 'REDIS_URL', 'APEX_ROLE'])('names %s when it is wrong, and keeps its value to itself', (name) => {
    const parse = (): unknown => readStartConfig({ [name]: 'hunter2' });
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(name);
    expect(parse).not.toThrow(/hunter2/);
  });
});
