import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP connection that says what it likes, when it likes. */
export class RawClient {
  private readonly chunks: Buffer[] = [];
  /** Resolves when the server has closed. */
  readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    // Being cut off is what is looked for.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(baseUrl: string): Promise<RawClient> {
    const { hostname, port } = new URL(baseUrl);
    const socket = connect({ port: Number(port), host: hostname, noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  write(bytes: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** Sends one byte after the other until the server has had enough. */
  async drip(text: string, everyMs: number): Promise<void> {
    let at = 0;
    const timer = setInterval(() => this.write(text[at++ % text.length]!), everyMs);
    await this.closed;
    clearInterval(timer);
  }

  /** What has come so far. */
  get received(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  /** The statuses of all the answers that have come. Only for answers whose bodies hold no status line. */
  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  }

  destroy(): void {
    this.socket.destroy();
  }
}
