import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { FastLane } from './fast-lane.js';
import { type LaneExchange } from './lane-exchange.js';

/** What a handler was given, in the order of the requests' heads. `body` is null as long as its end has not come. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  body: string | null;
}

/** All that there is to see of a connection from both ends, once nothing more happens on it. */
export interface Outcome {
  readonly seen: readonly Seen[];
  /** What the client got, dates blotted out. */
  readonly received: string;
  readonly fate: 'open' | 'closed';
  /** What the client was told that it had done wrong, or would have been. */
  readonly faults: readonly string[];
}

export type Ending = 'none' | 'half-close' | 'reset';

/** How one request is answered by the handler, chosen by the address: both servers have the same one. */
interface Both {
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  read(done: (body: Buffer) => void): void;
  discard(): void;
  send(status: number, headers: string[], body: Buffer): void;
  head(status: number, headers: string[]): void;
  write(chunk: Buffer): void;
  end(chunk: Buffer): void;
}

/** Turns of the event loop after which what has not come will not come. */
const PATIENCE = 500;
const JSON_TYPE = ['content-type', 'application/json'];
const LARGE = Buffer.alloc(40_000, 'x');

function answer(request: Both): void {
  const { url } = request;
  if (url.includes('refuse')) {
    request.discard();
    return request.send(401, [...JSON_TYPE, 'x-apex-error', 'no'], Buffer.from('{"error":1}'));
  }
  request.read((body) => {
    if (url.includes('late')) return void setImmediate(() => request.send(200, [...JSON_TYPE], body));
    if (url.includes('large')) return request.send(200, [], LARGE);
    if (url.includes('empty')) return request.send(204, [], Buffer.alloc(0));
    if (url.includes('stream')) {
      request.head(200, ['content-type', 'text/event-stream']);
      request.write(Buffer.from('data: 1\n\n'));
      return void setImmediate(() => request.end(Buffer.from('data: [DONE]\n\n')));
    }
    return request.send(200, [...JSON_TYPE, 'x-length', String(body.length)], Buffer.from(`{"ok":${body.length}}`));
  });
}

const isLanes = (url: string): boolean => url.startsWith('/v1/') || url.startsWith('/direct/v1/');

/** A server, and what it sees. One connection at a time. */
export class Subject {
  private seen: Seen[] = [];
  private faults: string[] = [];
  private socket: Socket | null = null;
  lane: FastLane | null = null;

  private constructor(private readonly server: Server) {}

  static async start(kind: 'node' | 'lane'): Promise<Subject> {
    const server = createServer({ keepAliveTimeout: 75_000 });
    const subject = new Subject(server);
    server.on('request', (req, res) => subject.onNodeRequest(req, res));
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: { headersSent: boolean } | null }) => {
      subject.onFault(error.code ?? '', socket, socket._httpMessage?.headersSent === true);
      socket.destroy();
    });
    if (kind === 'lane') {
      subject.lane = FastLane.attach(server, { accepts: isLanes, handle: (exchange) => subject.onLaneRequest(exchange), maxBodyBytes: 1024 * 1024, onFault: (...fault) => subject.onFault(...fault) });
    }
    server.on('connection', (socket: Socket) => (subject.socket = socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return subject;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  /** Writes pieces, each of which the server reads by itself, then ends as told; resolves when all is quiet. */
  async play(pieces: readonly Buffer[], ending: Ending, probe: Buffer | null): Promise<Outcome> {
    this.seen = [];
    this.faults = [];
    this.socket = null;
    const client = connect((this.server.address() as AddressInfo).port, '127.0.0.1');
    const chunks: Buffer[] = [];
    let fate: Outcome['fate'] = 'open';
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.on('end', () => (fate = 'closed'));
    client.on('close', () => (fate = 'closed'));
    client.on('error', () => undefined);
    await until(() => this.socket !== null && !client.connecting);
    const socket = this.socket!;
    /** Nothing is on its way that could still arrive. */
    const arrived = (): boolean =>
      socket.destroyed || socket.writableFinished ? fate === 'closed' : client.bytesRead === socket.bytesWritten && (client.destroyed || socket.bytesRead === client.bytesWritten) && (ending === 'none' || socket.readableEnded);
    const quiet = async (): Promise<void> => {
      let before = '';
      for (let same = 0, turns = 0; same < 3; turns++) {
        await turn();
        const now = `${this.seen.length} ${socket.bytesWritten} ${client.bytesRead} ${fate} ${socket.destroyed} ${socket.bytesRead}`;
        // A server that has stopped reading never gets there.
        same = now === before && (arrived() || turns > PATIENCE) ? same + 1 : 0;
        before = now;
      }
    };
    let sent = 0;
    for (const piece of pieces) {
      if (client.destroyed || socket.destroyed) break;
      client.write(piece);
      sent += piece.length;
      for (let turns = 0; turns < PATIENCE && socket.bytesRead < sent && !socket.destroyed; turns++) await turn();
      await turn();
    }
    if (ending === 'half-close') client.end();
    if (ending === 'reset') client.resetAndDestroy();
    await quiet();
    if (fate === 'open' && probe !== null) {
      client.write(probe);
      await turn();
      await quiet();
    }
    const outcome: Outcome = { seen: this.seen, received: Buffer.concat(chunks).toString('latin1').replace(/^Date: .*$/gm, 'Date: -'), fate, faults: this.faults };
    client.destroy();
    await until(() => socket.destroyed);
    return outcome;
  }

  private onFault(code: string, socket: Socket, answerBegun: boolean): void {
    // That the client has cut the connection is no fault of its bytes.
    if (code === 'ECONNRESET' || code === 'EPIPE') return;
    this.faults.push(code);
    if (socket.writable && !answerBegun) socket.write(`HTTP/1.1 400 ${code}\r\nconnection: close\r\n\r\n`);
  }

  private onNodeRequest(req: IncomingMessage, res: ServerResponse): void {
    const seen: Seen = { method: req.method ?? '', url: req.url ?? '', headers: { ...req.headers }, body: null };
    this.seen.push(seen);
    req.on('error', () => undefined);
    res.on('error', () => undefined);
    answer({
      url: seen.url,
      headers: seen.headers,
      read: (done) => {
        const chunks: Buffer[] = [];
        req.on('data', (chunk: Buffer) => chunks.push(chunk));
        req.on('end', () => {
          const body = Buffer.concat(chunks);
          seen.body = body.toString('latin1');
          done(body);
        });
      },
      discard: () => void req.resume(),
      send: (status, headers, body) => {
        if (res.closed) return;
        res.writeHead(status, [...headers, 'content-length', String(body.length)]);
        res.end(body);
      },
      head: (status, headers) => void res.writeHead(status, headers),
      write: (chunk) => void res.write(chunk),
      end: (chunk) => void (res.closed || res.end(chunk)),
    });
  }

  private onLaneRequest(exchange: LaneExchange): void {
    const seen: Seen = { method: exchange.method, url: exchange.url, headers: { ...exchange.headers }, body: null };
    this.seen.push(seen);
    answer({
      url: seen.url,
      headers: seen.headers,
      read: (done) =>
        exchange.read((outcome) => {
          if (outcome.kind !== 'body') return;
          seen.body = outcome.body.toString('latin1');
          done(outcome.body);
        }),
      discard: () => exchange.discard(),
      send: (status, headers, body) => exchange.send(status, headers, [body]),
      head: (status, headers) => exchange.head(status, headers),
      write: (chunk) => void exchange.write(chunk),
      end: (chunk) => exchange.end(chunk),
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('it never came to that');
    await turn();
  }
}
