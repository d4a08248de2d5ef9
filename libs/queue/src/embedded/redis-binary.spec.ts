import { parseVersion } from './redis-binary.js';
import { redisConfig } from './embedded-redis.js';

describe('parseVersion', () => {
  it.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=c8efed9d9d1d7d6a', '7.0.15'],
    ['Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1', '8.1.1'],
    ['command not found', null],
  ])('%s', (output, expected) => expect(parseVersion(output)).toBe(expected));
});

describe('redisConfig', () => {
  it('quotes paths and asks for a password on the loopback interface', () => {
    const config = redisConfig({ port: 6400, password: 'secret', dataDir: '/home/a "b"/data', pidFile: '/run/x' }).split('\n');
    expect(config).toEqual(expect.arrayContaining(['bind 127.0.0.1', 'port 6400', 'requirepass secret', 'dir "/home/a \\"b\\"/data"', 'appendonly yes']));
  });
});
