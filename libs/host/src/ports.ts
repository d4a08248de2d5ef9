import { createServer } from 'node:net';

const FIRST = 15_000;
const LAST = 32_000;

/**
 * A TCP port of 127.0.0.1 that is free now. It lies below the range from which the system hands out ports to outgoing
 * connections, so that a server that is stopped and started again finds its port still free.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 50; tries += 1) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${FIRST} and ${LAST}`);
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
