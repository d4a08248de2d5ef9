import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { FastLane, type FastLaneOptions } from './fast-lane.js';
import { type LaneExchange } from './lane-exchange.js';

export const KiB = 1024;
export const get = (url: string, ...lines: string[]): string => `GET ${url} HTTP/1.1\r\n${['host: x', ...lines].join('\r\n')}\r\n\r\n`;
export const post = (url: string, body: string, ...lines: string[]): string => `POST ${url} HTTP/1.1\r\n${['host: x', `content-length: ${body.length}`, ...lines].join('\r\n')}\r\n\r\n${body}`;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function happens(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Answers with what it was sent. */
export const echo = (exchange: LaneExchange): void =>
  exchange.read((outcome) => exchange.send(200, ['x-url', exchange.url], outcome.kind === 'body' ? [outcome.body] : [Buffer.from(outcome.kind)]));

/** A client that notes all it gets. */
export class Client {
  text = '';
  ended = false;
  private readonly waiting: (() => void)[] = [];

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.noted(() => (this.text += chunk.toString('latin1'))));
    socket.on('end', () => this.noted(() => (this.ended = true)));
    socket.on('close', () => this.noted(() => (this.ended = true)));
    socket.on('error', () => undefined);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  has(text: string): Promise<void> {
    return this.until(() => this.text.includes(text));
  }

  end(): Promise<void> {
    return this.until(() => this.ended);
  }

  private noted(note: () => void): void {
    note();
    for (const resume of this.waiting.splice(0)) resume();
  }
}

/** A server with a lane for `/v1/`, and everything that happens to it. */
export class LaneWorld {
  server!: Server;
  lane!: FastLane;
  readonly exchanges: LaneExchange[] = [];
  readonly accepted: Socket[] = [];
  readonly overNode: string[] = [];
  handle: (exchange: LaneExchange) => void = echo;
  private readonly clients: Client[] = [];

  async start(options: Partial<FastLaneOptions> = {}, prepare: (server: Server) => void = () => undefined): Promise<void> {
    const server = (this.server = createServer({ keepAliveTimeout: 75_000 }, (req, res) => {
      this.overNode.push(req.url ?? '');
      req.resume().on('end', () => res.end(`node ${req.url}`));
    }));
    prepare(server);
    this.lane = FastLane.attach(server, {
      accepts: (url) => url.startsWith('/v1/'),
      handle: (exchange) => {
        this.exchanges.push(exchange);
        this.handle(exchange);
      },
      maxBodyBytes: 256 * KiB,
      onFault: (fault, socket, begun) => void (begun || socket.write(`fault ${fault}`)),
      ...options,
    });
    server.on('connection', (socket: Socket) => this.accepted.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  async open(text = ''): Promise<Client> {
    const socket = connect((this.server.address() as AddressInfo).port, '127.0.0.1');
    const client = new Client(socket);
    this.clients.push(client);
    await once(socket, 'connect');
    if (text !== '') socket.write(text, 'latin1');
    return client;
  }

  async close(): Promise<void> {
    for (const { socket } of this.clients) socket.destroy();
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}
