import { parseEnv } from '@apex/common';
import { analyticsConfig, analyticsEnvSchema } from './analytics.config.js';

const read = (env: NodeJS.ProcessEnv) => analyticsConfig(parseEnv(analyticsEnvSchema, env), true);

describe('analyticsConfig', () => {
  it('is Postgres alone without an address', () => {
    expect(read({})).toEqual({ clickhouseUrl: null, retentionDays: null, forwards: true });
    expect(read({ CLICKHOUSE_URL: '' }).clickhouseUrl).toBeNull();
  });

  it.each(['http://localhost:8123', 'https://apex:p%40ss@clickhouse.example:8443/telemetry', 'http://[::1]:8123/'])('takes %s', (url) => expect(read({ CLICKHOUSE_URL: url }).clickhouseUrl).toBe(url));

  it.each(['clickhouse://a:secret@b', 'localhost:8123', 'http://a:secret@b/?async_insert=1', 'http://a:secret@b/c/d'])('refuses %s, and does not repeat it', (url) => {
    expect(() => read({ CLICKHOUSE_URL: url })).toThrow(expect.objectContaining({ variables: ['CLICKHOUSE_URL'], message: expect.not.stringContaining('secret') as string }) as Error);
  });

  it('keeps at least the period that is asked for by default', () => {
    expect(read({ CLICKHOUSE_RETENTION_DAYS: '31' }).retentionDays).toBe(31);
    for (const days of ['30', '0', '-1', 'x', '36501']) expect(() => read({ CLICKHOUSE_RETENTION_DAYS: days })).toThrow('CLICKHOUSE_RETENTION_DAYS');
  });
});
