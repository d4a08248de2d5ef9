import { availableParallelism } from 'node:os';
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
      workers: 1,
      demo: true,
      databaseUrl: null,
      redisUrl: null,
      simulate: true,
    });
  });

  it('takes empty variables for unset ones', () => expect(readStartConfig({ DATABASE_URL: '', PORT: '' })).toEqual(readStartConfig({})));

  it.each([{ OPENAI_API_KEY: 'sk-x' }, { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' }, { NODE_ENV: 'production' }])('simulates no provider with %j', (env) => {
    expect(readStartConfig(env).simulate).toBe(false);
  });

  it('makes a demo customer, except in production, or as it is told', () => {
    expect(readStartConfig({ NODE_ENV: 'production' }).demo).toBe(false);
    expect(readStartConfig({ NODE_ENV: 'production', APEX_DEMO: 'on' }).demo).toBe(true);
    expect(readStartConfig({ DATABASE_URL: 'postgres://localhost/apex' }).demo).toBe(true);
    expect(readStartConfig({ APEX_DEMO: 'off' }).demo).toBe(false);
  });

  it('lets port 0 stand for any free one', () => expect(readStartConfig({ PORT: '0' }).port).toBe(0));

  it('takes a number of data-plane processes, or as many as there are processors', () => {
    expect(readStartConfig({ APEX_WORKERS: '12' }).workers).toBe(12);
    expect(readStartConfig({ APEX_WORKERS: 'auto' }).workers).toBe(availableParallelism());
    expect(readStartConfig({ APEX_WORKERS: '4', APEX_ROLE: 'worker' }).workers).toBe(1);
    for (const wrong of ['0', '-1', '1.5', '100', 'all']) expect(() => readStartConfig({ APEX_WORKERS: wrong })).toThrow(/APEX_WORKERS.*from 1 to 99, or auto/);
  });

  it.each(['PORT', 'DATABASE_URL', 'REDIS_URL', 'APEX_ROLE', 'APEX_WORKERS', 'APEX_DEMO'])('names %s when it is wrong, and keeps its value to itself', (name) => {
    const parse = (): unknown => readStartConfig({ [name]: 'hunter2' });
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(name);
    expect(parse).not.toThrow(/hunter2/);
  });
});
