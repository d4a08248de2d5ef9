import { createServer } from 'node:net';
import { keepServer } from './kept-server.js';
import { isPortFree } from './ports.js';
import { type TetheredServer } from './tether.js';

/** A server that is nothing but a promise of its end. */
class FakeServer implements TetheredServer {
  end!: (why: string) => void;
  readonly exited = new Promise<string>((resolve) => (this.end = resolve));
  stopped = false;
  stop(): Promise<void> {
    this.stopped = true;
    this.end('asked');
    return Promise.resolve();
  }
}

/** Starts fakes; `next` resolves when the n-th has been started. */
function factory(plan: (nth: number) => void = () => undefined): { servers: FakeServer[]; ports: number[]; start: (port: number) => Promise<TetheredServer>; started: (count: number) => Promise<void> } {
  const servers: FakeServer[] = [];
  const ports: number[] = [];
  const waiting = new Map<number, () => void>();
  return {
    servers,
    ports,
    start: (port) => {
      ports.push(port);
      waiting.get(ports.length)?.();
      plan(ports.length);
      const server = new FakeServer();
      servers.push(server);
      return Promise.resolve(server);
    },
    started: (count) => (ports.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.set(count, resolve))),
  };
}

describe('keepServer', () => {
  it('starts the server again on the same port when it ends by itself', async () => {
    const { servers, ports, start, started } = factory();
    const log: string[] = [];
    const kept = await keepServer({ name: 'X', start, log: (line) => log.push(line), minPauseMs: 1 });
    servers[0]?.end('signal SIGKILL');
    await started(2);
    await kept.stop();
    expect(ports).toEqual([kept.port, kept.port]);
    expect(servers[1]?.stopped).toBe(true);
    expect(log[0]).toBe('X ended by itself (signal SIGKILL); starting it again');
  });

  it('goes on trying while restarts fail', async () => {
    const { servers, start, started } = factory((nth) => {
      if (nth === 2 || nth === 3) throw new Error('no room');
    });
    const kept = await keepServer({ name: 'X', start, log: () => undefined, minPauseMs: 1, maxPauseMs: 2 });
    servers[0]?.end('exit status 1');
    await started(4);
    await kept.stop();
    expect(servers).toHaveLength(2);
  });

  it('does not restart what it was asked to stop', async () => {
    const { servers, ports, start } = factory();
    const kept = await keepServer({ name: 'X', start, log: () => undefined, minPauseMs: 1 });
    await kept.stop();
    expect(servers[0]?.stopped).toBe(true);
    expect(ports).toHaveLength(1);
  });

  it('refuses a given port that is taken, and finds another free one when the first start loses a race', async () => {
    const blocker = createServer();
    let taken = 0;
    const race = async (port: number): Promise<TetheredServer> => {
      if (taken !== 0) return new FakeServer();
      taken = port;
      await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve));
      throw new Error('address in use');
    };
    const kept = await keepServer({ name: 'X', start: race, log: () => undefined });
    expect(kept.port).not.toBe(taken);
    await kept.stop();
    await expect(keepServer({ name: 'X', port: taken, start: race, log: () => undefined })).rejects.toThrow(`Port ${taken} is taken`);
    await new Promise((resolve) => blocker.close(resolve));
    expect(await isPortFree(taken)).toBe(true);
  });
});
