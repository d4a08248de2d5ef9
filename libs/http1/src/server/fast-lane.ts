import { Server, maxHeaderSize as defaultMaxHeaderSize } from 'node:http';
import { Socket } from 'node:net';
import { type RequestHeadLimits } from '../core/request-head.js';
import { LaneConnection, type LaneConnectionOwner, type LaneFault } from './lane-connection.js';
import { type LaneExchange } from './lane-exchange.js';

export interface FastLaneOptions {
  /** Which requests are for the lane; the others are the server's. */
  readonly accepts: (url: string) => boolean;
  /** Answers a request. What it throws is an uncaught exception, as in a listener of the server. */
  readonly handle: (exchange: LaneExchange) => void;
  readonly maxBodyBytes: number;
  /**
   * Tells a client what it has done wrong, as the server's `clientError` would; the connection is destroyed afterwards.
   * @param answerBegun an answer is under way: nothing may be written
   */
  readonly onFault: (fault: LaneFault, socket: Socket, answerBegun: boolean) => void;
  /** How often connections are looked at whose time may be over, in milliseconds. */
  readonly sweepMs?: number;
}

/** Connections since the start. One that was handed over later is in both. */
export interface LaneCounts {
  /** The first request was the lane's. */
  readonly served: number;
  /** Given to node:http, at the first request or at a later one. */
  readonly handedOver: number;
}

const MAX_HEAD_BYTES = 16 * 1024;
const MAX_FIELDS = 100;
const SWEEP_MS = 1_000;
/** What node:http adds, so that a client that keeps to what it was told does not meet a closed connection. */
const KEEP_ALIVE_BUFFER_MS = 1_000;

/**
 * A way past node:http for those requests of a server that are simple (`parseRequestHead` says what that is) and meant
 * for one handler. Everything else, a connection with all its bytes, goes to the listeners that the server had, for the
 * rest of its life; what is malformed is never answered here. Limits and time-outs are the server's own.
 */
export class FastLane implements LaneConnectionOwner {
  readonly headLimits: RequestHeadLimits;
  private readonly connections = new Set<LaneConnection>();
  private readonly listeners: readonly ((socket: Socket) => void)[];
  private readonly sweepMs: number;
  private timer: NodeJS.Timeout | null = null;
  /** The time of the last sweep: exact enough for limits of seconds, and free. */
  private clock = 0;
  private retired = false;
  private lines = '';
  private linesFor = 0;
  private served = 0;
  private handedOver = 0;

  private constructor(
    private readonly server: Server,
    private readonly options: FastLaneOptions,
  ) {
    this.sweepMs = options.sweepMs ?? SWEEP_MS;
    const { maxHeadersCount, maxHeaderSize = defaultMaxHeaderSize } = server as Server & { maxHeaderSize?: number };
    this.headLimits = { maxBytes: Math.min(MAX_HEAD_BYTES, maxHeaderSize), maxFields: maxHeadersCount ? Math.min(MAX_FIELDS, maxHeadersCount) : MAX_FIELDS };
    this.listeners = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (this.takes(socket)) this.take(socket);
      else this.give(socket);
    });
    this.joinInClosing();
  }

  /** Puts a lane before what the server does with its connections. Once per server. */
  static attach(server: Server, options: FastLaneOptions): FastLane {
    return new FastLane(server, options);
  }

  get counts(): LaneCounts {
    return { served: this.served, handedOver: this.handedOver };
  }

  /** From now on each answer is the last of its connection. */
  retire(): void {
    this.retired = true;
  }

  /** Ends the connections on which no request is under way. */
  closeIdle(): void {
    for (const connection of this.connections) if (connection.idle) connection.socket.destroy();
  }

  get maxBodyBytes(): number {
    return this.options.maxBodyBytes;
  }

  get closing(): boolean {
    return this.retired || !this.server.listening;
  }

  get keepAliveLines(): string {
    const { keepAliveTimeout } = this.server;
    if (this.linesFor !== keepAliveTimeout || this.lines === '') {
      this.linesFor = keepAliveTimeout;
      this.lines = `Connection: keep-alive\r\n${keepAliveTimeout > 0 ? `Keep-Alive: timeout=${Math.floor(keepAliveTimeout / 1_000)}\r\n` : ''}`;
    }
    return this.lines;
  }

  get headersTimeoutMs(): number {
    return this.server.headersTimeout;
  }

  get requestTimeoutMs(): number {
    return this.server.requestTimeout;
  }

  get idleTimeoutMs(): number {
    const { keepAliveTimeout, keepAliveTimeoutBuffer = KEEP_ALIVE_BUFFER_MS } = this.server;
    return keepAliveTimeout > 0 ? keepAliveTimeout + keepAliveTimeoutBuffer : 0;
  }

  after(ms: number): number {
    // The clock may be one sweep behind: nobody's time is cut short by that.
    return this.clock + this.sweepMs + ms;
  }

  accepts(url: string): boolean {
    return this.options.accepts(url);
  }

  handle(exchange: LaneExchange): void {
    this.options.handle(exchange);
  }

  onFault(fault: LaneFault, socket: Socket, answerBegun: boolean): void {
    this.options.onFault(fault, socket, answerBegun);
  }

  handOver(connection: LaneConnection, bytes: Buffer): void {
    const { socket } = connection;
    connection.release();
    this.connections.delete(connection);
    if (socket.destroyed) return;
    // Node's listener takes a socket that does not flow yet, and finds these bytes before all others.
    socket.pause();
    socket.unshift(bytes);
    this.give(socket);
    socket.resume();
  }

  onFirstServed(): void {
    this.served++;
  }

  onClosed(connection: LaneConnection): void {
    this.connections.delete(connection);
  }

  /** A plain connection of a server that asks for nothing which only node:http does. */
  private takes(socket: Socket): boolean {
    const { server } = this;
    // An https.Server is no Server of node:http, and its sockets carry what only TLS can read.
    return Object.getPrototypeOf(socket) === Socket.prototype && server instanceof Server && !(server.timeout > 0) && !((server.maxRequestsPerSocket ?? 0) > 0);
  }

  private take(socket: Socket): void {
    if (this.timer === null) {
      this.clock = performance.now();
      this.timer = setInterval(() => this.sweep(), this.sweepMs).unref();
    }
    this.connections.add(new LaneConnection(this, socket));
  }

  private give(socket: Socket): void {
    this.handedOver++;
    for (const listener of this.listeners) listener.call(this.server, socket);
  }

  private sweep(): void {
    this.clock = performance.now();
    for (const connection of this.connections) if (connection.deadline <= this.clock) connection.expire();
    if (this.connections.size > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
  }

  /** The lane's connections are closed with the server's; `server.close()` closes those that are idle. */
  private joinInClosing(): void {
    const { server } = this;
    const closeIdle = server.closeIdleConnections.bind(server);
    const closeAll = server.closeAllConnections.bind(server);
    server.closeIdleConnections = () => {
      closeIdle();
      this.closeIdle();
    };
    server.closeAllConnections = () => {
      closeAll();
      for (const { socket } of this.connections) socket.destroy();
    };
  }
}
