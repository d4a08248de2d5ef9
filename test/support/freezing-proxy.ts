import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP proxy in front of a server that can freeze: connections stay, and are still accepted, but nothing passes. What
 * arrives meanwhile is kept, and delivered at the thaw, also for connections that their client has given up.
 */
export class FreezingProxy {
  private readonly sockets = new Set<Socket>();
  private frozen: ReadonlySet<'requests' | 'answers'> = new Set();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  /** @param url the server's, as clients have it */
  static async before(url: string): Promise<FreezingProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new FreezingProxy(server, new URL(url));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  /** The server's address by way of this proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** Holds back what goes to the server, what comes from it, or both. */
  freeze(...what: ('requests' | 'answers')[]): void {
    this.frozen = new Set(what);
    for (const socket of this.sockets) socket.emit('apply');
  }

  thaw(): void {
    this.freeze();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const server = connect({ host: this.target.hostname, port: Number(this.target.port), allowHalfOpen: true });
    this.pump('requests', client, server);
    this.pump('answers', server, client);
  }

  private pump(what: 'requests' | 'answers', from: Socket, to: Socket): void {
    this.sockets.add(from);
    const held: Buffer[] = [];
    let ended = false;
    const apply = (): void => {
      if (this.frozen.has(what)) return;
      for (const chunk of held.splice(0)) if (to.writable) to.write(chunk);
      if (ended) to.end();
    };
    from.on('data', (chunk: Buffer) => {
      held.push(chunk);
      apply();
    });
    // Gone, in whatever way; the other side is told at the thaw.
    from.on('error', () => undefined);
    for (const event of ['end', 'close'] as const) {
      from.on(event, () => {
        ended = true;
        apply();
      });
    }
    from.on('apply', apply);
    from.on('close', () => {
      if (!this.frozen.has(what)) this.sockets.delete(from);
    });
  }
}
