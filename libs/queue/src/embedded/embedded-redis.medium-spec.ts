import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { processStart } from '@apex/host';
import { Logger } from '@nestjs/common';
import { until } from '../../../../test/support/eventually.js';
import { runProgram } from '../../../../test/support/program.js';
import { cacheDirectory, testDirectory } from '../../../../test/support/stores.js';
import { createRedis } from '../connection.js';
import { startEmbeddedRedis, type EmbeddedRedis } from './embedded-redis.js';

// Servers are started; on a machine that is busy with other suites that takes its time.
jest.setTimeout(90_000);

const running: EmbeddedRedis[] = [];

/** Stopped at the test's end, however it ends. */
async function start(dir: string, log: (line: string) => void = () => undefined): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis({ dir, cacheDir: cacheDirectory, log });
  if (redis.url === null) throw new Error(redis.reason);
  running.push(redis);
  return redis;
}

async function command(url: string, ...[name, ...args]: [string, ...string[]]): Promise<unknown> {
  const redis = createRedis({ url, name: 'test', whenAway: 'wait' });
  try {
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

const serverPid = (dir: string): number => Number(readFileSync(join(dir, 'redis.pid'), 'utf8'));

describe('startEmbeddedRedis', () => {
  beforeAll(() => Logger.overrideLogger(false));

  let dir: string;
  beforeEach(() => (dir = join(testDirectory('embedded redis'), 'not yet there')));
  afterEach(async () => {
    for (const redis of running.splice(0)) await redis.stop();
  });

  it('keeps its data from start to start and asks for a password', async () => {
    const first = await start(dir);
    await command(first.url, 'SET', 'key', 'kept');
    await first.stop();
    const second = await start(dir);
    expect(await command(second.url, 'GET', 'key')).toBe('kept');
    await expect(command(`redis://127.0.0.1:${second.port}`, 'GET', 'key')).rejects.toThrow(/NOAUTH/);
    expect(second.version).toMatch(/^\d+\.\d+/);
    expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'redis.conf')).mode & 0o777).toBe(0o600);
  });

  it('stops cleanly when its process is killed, and the next start finds the data', async () => {
    const code = `
      const { startEmbeddedRedis, createRedis } = await importSource('libs/queue/src/index.ts');
      const { url } = await startEmbeddedRedis({ dir: process.argv[1], cacheDir: process.argv[2] });
      await createRedis({ url, name: 'test', whenAway: 'wait' }).set('key', 'written');
      console.log('ready');`;
    const parent = runProgram(code, [dir, cacheDirectory]);
    expect(await parent.line()).toBe('ready');
    const server = serverPid(dir);
    parent.child.kill('SIGKILL');
    await until(() => processStart(server) === null, 'the server ends');
    const next = await start(dir);
    expect(await command(next.url, 'GET', 'key')).toBe('written');
  });

  it('comes back at the same address when the server is killed', async () => {
    const lines: string[] = [];
    const redis = await start(dir, (line) => lines.push(line));
    await command(redis.url, 'SET', 'key', 'kept');
    process.kill(serverPid(dir), 'SIGKILL');
    await until(() => lines.includes('Redis is back'), 'Redis comes back');
    expect(await command(redis.url, 'GET', 'key')).toBe('kept');
  });

  it('says what would mend it where no Redis is to be had', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      const none = await startEmbeddedRedis({ dir, cacheDir: join(dir, 'empty') });
      expect(none).toEqual({ url: null, reason: expect.stringContaining('set REDIS_URL') });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
