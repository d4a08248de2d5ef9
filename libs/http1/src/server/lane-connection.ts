import { type Socket } from 'node:net';
import { type RequestHeadLimits } from '../core/request-head.js';
import { RequestReader } from '../core/request-reader.js';
import { type ExchangeCarrier, LaneExchange } from './lane-exchange.js';
import { readInto } from './read-into.js';

/** What ends a connection for the client's fault, in node:http's words. */
export type LaneFault = 'HPE_INVALID_EOF_STATE' | 'ERR_HTTP_REQUEST_TIMEOUT';

/** Whose connection it is. Times in milliseconds; 0: without limit. */
export interface LaneConnectionOwner {
  readonly maxBodyBytes: number;
  readonly closing: boolean;
  readonly keepAliveLines: string;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Now and so long from now, on the owner's clock. */
  after(ms: number): number;
  readonly headLimits: RequestHeadLimits;
  /** The lane serves requests for this address. */
  accepts(url: string): boolean;
  handle(exchange: LaneExchange): void;
  /** Tells the client and ends the connection. @param answerBegun nothing may be written between an answer's bytes */
  onFault(fault: LaneFault, socket: Socket, answerBegun: boolean): void;
  /** It is node:http's from now on; the bytes are to be read again. */
  handOver(connection: LaneConnection, bytes: Buffer): void;
  /** The connection's first request is the lane's. */
  onFirstServed(): void;
  onClosed(connection: LaneConnection): void;
}

/** What may wait behind the request under way before we stop reading. */
const WAITING_BYTES = 64 * 1024;
const NEVER = Number.POSITIVE_INFINITY;

/** Where all connections' reads arrive. Reading is synchronous, and what outlives a read is copied to memory of its own size. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * One connection of the lane: serves one request after the other, and gives itself away at the first that is not for
 * the lane. Requests that come before their turn wait as bytes.
 */
export class LaneConnection implements ExchangeCarrier {
  /** On the owner's clock: when what it waits for should have come. */
  deadline: number;
  private readonly reader: RequestReader;
  private exchange: LaneExchange | null = null;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private held = false;
  private served = false;
  private over = false;
  private released = false;

  constructor(
    private readonly owner: LaneConnectionOwner,
    readonly socket: Socket,
  ) {
    this.reader = new RequestReader(owner.headLimits);
    this.deadline = this.limit(owner.headersTimeoutMs);
    if (!readInto(socket, readBuffer, this.onRead)) socket.on('data', this.onData);
    socket.on('end', this.onEnd);
    socket.on('error', this.onError);
    socket.on('close', this.onClose);
    socket.on('drain', this.onDrain);
  }

  get maxBodyBytes(): number {
    return this.owner.maxBodyBytes;
  }

  get closing(): boolean {
    return this.owner.closing;
  }

  get keepAliveLines(): string {
    return this.owner.keepAliveLines;
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.exchange === null && this.waitingBytes === 0;
  }

  hold(): void {
    if (this.held) return;
    this.held = true;
    this.socket.pause();
  }

  flow(): void {
    if (!this.held || this.waitingBytes > WAITING_BYTES) return;
    this.held = false;
    this.socket.resume();
  }

  cut(): void {
    this.socket.destroy();
  }

  onAnswered(close: boolean): void {
    if (close || this.owner.closing) {
      this.over = true;
      this.deadline = NEVER;
      this.socket.destroySoon();
    } else if (this.exchange!.missing === 0) this.next();
  }

  /** The deadline has passed. */
  expire(): void {
    this.deadline = NEVER;
    if (this.exchange === null && this.served) this.socket.destroy();
    else this.fault('ERR_HTTP_REQUEST_TIMEOUT');
  }

  /** Takes its hands off the socket. */
  release(): void {
    const { socket } = this;
    this.released = true;
    socket.removeListener('data', this.onData);
    socket.removeListener('end', this.onEnd);
    socket.removeListener('error', this.onError);
    socket.removeListener('close', this.onClose);
    socket.removeListener('drain', this.onDrain);
    this.held = false;
  }

  private readonly onRead = (length: number): boolean => {
    const bytes = readBuffer.subarray(0, length);
    // Whoever has the socket now reads it as a stream.
    if (this.released) return this.socket.push(Buffer.from(bytes));
    this.onData(bytes);
    return true;
  };

  /** @param bytes whose memory may hold something else when this returns */
  private readonly onData = (bytes: Buffer): void => {
    if (this.over) return;
    const { exchange } = this;
    if (exchange === null) {
      if (this.waitingBytes === 0) this.serve(bytes);
      else this.keep(bytes);
      return;
    }
    const { missing } = exchange;
    if (missing === 0) return this.keep(bytes);
    if (bytes.length > missing) {
      // Before the body is told, for its reader may end the exchange at once.
      this.keep(bytes.subarray(missing));
      this.feed(exchange, bytes.subarray(0, missing));
    } else this.feed(exchange, bytes);
  };

  private feed(exchange: LaneExchange, bytes: Buffer): void {
    if (bytes.length === exchange.missing) this.deadline = NEVER;
    exchange.feed(bytes);
    // The answer was there before the body's end, and nobody waited for that.
    if (exchange === this.exchange && exchange.answered && exchange.missing === 0 && !this.over) this.next();
  }

  private keep(bytes: Buffer): void {
    this.waiting.push(Buffer.from(bytes));
    this.waitingBytes += bytes.length;
    if (this.waitingBytes > WAITING_BYTES) this.hold();
  }

  /** Serves what these bytes begin with. More than one request at a time is for a parser that keeps them apart. */
  private serve(bytes: Buffer): void {
    const head = this.reader.read(bytes);
    if (head === null || !this.owner.accepts(head.url) || bytes.length - head.end > head.bodyLength) return this.owner.handOver(this, Buffer.from(bytes));
    if (!this.served) {
      this.served = true;
      this.owner.onFirstServed();
    }
    const exchange = (this.exchange = new LaneExchange(this, head));
    if (bytes.length > head.end) exchange.feed(bytes.subarray(head.end));
    this.deadline = exchange.missing > 0 ? this.limit(this.owner.requestTimeoutMs) : NEVER;
    this.owner.handle(exchange);
  }

  /** The request is answered and read to its end. */
  private next(): void {
    this.exchange = null;
    if (this.waitingBytes > 0) {
      // Whoever has just answered gets to its own end first.
      process.nextTick(() => this.serveWaiting());
      return;
    }
    this.deadline = this.limit(this.owner.idleTimeoutMs);
    this.flow();
  }

  private serveWaiting(): void {
    if (this.over || this.socket.destroyed) return;
    const bytes = this.waiting.length === 1 ? this.waiting[0]! : Buffer.concat(this.waiting, this.waitingBytes);
    this.waiting = [];
    this.waitingBytes = 0;
    this.serve(bytes);
    this.flow();
  }

  private readonly onEnd = (): void => {
    if (this.over) return;
    if (this.exchange !== null && this.exchange.missing > 0) this.fault('HPE_INVALID_EOF_STATE');
    // As in node:http, the end of what a client sends is the end of the connection, also with an answer under way.
    else this.socket.end();
  };

  /** What there is to know of an error, `close` tells too. */
  private readonly onError = (): void => undefined;

  private readonly onDrain = (): void => this.exchange?.drained();

  private readonly onClose = (): void => {
    this.over = true;
    this.owner.onClosed(this);
    const { exchange } = this;
    this.exchange = null;
    exchange?.abandon();
  };

  private fault(fault: LaneFault): void {
    this.over = true;
    this.owner.onFault(fault, this.socket, this.exchange?.answering ?? false);
    this.socket.destroy();
  }

  private limit(ms: number): number {
    return ms > 0 ? this.owner.after(ms) : NEVER;
  }
}
