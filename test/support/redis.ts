import { freePort } from '@apex/host';
import { startEmbeddedRedis, type EmbeddedRedis } from '@apex/queue';
import { fromSetup } from './environment.js';
import { type OwnServer } from './postgres.js';
import { cacheDirectory, testDirectory } from './stores.js';

/** The Redis of this run, shared by all suites: prefix what you write with something of your own. */
export function testRedisUrl(): string {
  return fromSetup('APEX_TEST_REDIS');
}

/** A private Redis, to be taken away and given back: same port, same data, same address. */
export async function startOwnRedis(): Promise<OwnServer> {
  const options = { dir: testDirectory('redis'), cacheDir: cacheDirectory, port: await freePort() };
  const start = async (): Promise<EmbeddedRedis> => {
    const started = await startEmbeddedRedis(options);
    if (started.url === null) throw new Error(started.reason);
    return started;
  };
  let server: EmbeddedRedis | null = await start();
  return {
    url: server.url,
    async stop() {
      await server?.stop();
      server = null;
    },
    async start() {
      server ??= await start();
    },
  };
}
