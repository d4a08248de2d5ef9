import { type LookupFunction } from 'node:net';
import { type OutgoingRequest, commonHead, formatHead } from '../core/outgoing-head.js';
import { Alarm } from './alarm.js';
import { Call, type CallControl, type CallEvents } from './call.js';
import { type SessionStore, type TrustedCertificates, addressOf, openSocket } from './connect.js';
import { type Connection } from './connection.js';
import { OriginPool, type PoolOptions, type PoolStats } from './origin-pool.js';

const MAX_SESSIONS = 256;

export interface HttpClientOptions {
  /** Open connections per origin; each carries one call at a time. */
  readonly connections: number;
  /** For name look-up, TCP and TLS; also the longest wait for a free connection. In milliseconds. */
  readonly connectTimeoutMs: number;
  /** Calls per origin that wait for a connection; one more fails at once with `connect_failed`. Default 16,384. */
  readonly maxWaiting?: number;
  /** How long a connection is kept that nothing is asked on, unless the server says more precisely. In milliseconds; default 4,000: common servers close after 5,000. */
  readonly keepAliveMs?: number;
  /** Trusted in place of the certificates that Node trusts (which NODE_EXTRA_CA_CERTS adds to). */
  readonly ca?: TrustedCertificates;
  /** Looks names up in place of the system's resolver: the place for a check of where they lead. */
  readonly lookup?: LookupFunction;
  /** Told what an event's receiver threw. The call it threw in has ended with `protocol`. Default: thrown on, as an uncaught exception. */
  readonly onDefect?: (error: unknown) => void;
}

/**
 * HTTP/1.1 over keep-alive pools, one per origin; a pool goes when its last connection is closed. It makes no retry,
 * follows no redirect and decodes no content-encoding.
 */
export class HttpClient {
  private readonly pools = new Map<string, OriginPool>();
  private readonly sessions = new Map<string, SessionStore>();
  private readonly poolOptions: PoolOptions;
  private readonly onDefect: (error: unknown) => void;
  private readonly alarm = new Alarm((now) => this.ring(now));
  private readonly alarmBy = (deadline: number): void => this.alarm.by(deadline);
  private closed = false;
  private openSockets = 0;
  private readonly onQuiet: (() => void)[] = [];

  constructor(private readonly options: HttpClientOptions) {
    this.poolOptions = {
      connections: options.connections,
      connectTimeoutMs: options.connectTimeoutMs,
      maxWaiting: options.maxWaiting ?? 16_384,
      keepAliveMs: options.keepAliveMs ?? 4_000,
    };
    this.onDefect = options.onDefect ?? throwOn;
  }

  /**
   * Sends a request and tells of it through `events`, never before it has returned. Null: the request is not one that
   * this client sends (an origin that is none, a malformed path or header, a header that frames messages or asks for
   * another protocol); nothing is told then.
   */
  call(request: OutgoingRequest, events: CallEvents): CallControl | null {
    const pool = this.pools.get(request.origin) ?? this.poolFor(request.origin);
    const head = pool === null ? null : formatHead(request, pool.commonHead);
    if (pool === null || head === null) return null;
    const call = new Call(request, head, events, this.onDefect);
    if (this.closed) {
      call.failSoon('aborted');
    } else {
      pool.submit(call);
    }
    return call;
  }

  /** Per origin with any connection. */
  stats(): Record<string, PoolStats> {
    return Object.fromEntries([...this.pools].map(([origin, pool]) => [origin, pool.stats]));
  }

  /** Takes no more calls (they fail with `aborted`) and resolves when those under way have ended and every socket is closed. */
  async close(): Promise<void> {
    this.closed = true;
    for (const pool of [...this.pools.values()]) pool.close();
    await this.quiet();
  }

  /** Ends all calls with `aborted`, at once, and resolves when every socket is closed. */
  async destroy(): Promise<void> {
    this.closed = true;
    for (const pool of [...this.pools.values()]) pool.destroy();
    await this.quiet();
  }

  private poolFor(origin: string): OriginPool | null {
    const address = addressOf(origin);
    if (address === null) return null;
    const sessions = this.sessionsOf(origin);
    const pool: OriginPool = new OriginPool(
      commonHead(address.host),
      this.poolOptions,
      (connection: Connection) => {
        this.pools.set(origin, pool);
        const socket = openSocket(connection, address, sessions, this.options.ca, this.options.lookup);
        this.openSockets++;
        socket.once('close', () => {
          this.openSockets--;
          this.whenQuiet();
        });
      },
      this.alarmBy,
      () => {
        // By now there may be another pool.
        if (this.pools.get(origin) === pool) this.pools.delete(origin);
        this.whenQuiet();
      },
    );
    return pool;
  }

  /** They outlive the pool: a session shortens the first handshake after a pause too. */
  private sessionsOf(origin: string): SessionStore {
    const known = this.sessions.get(origin);
    if (known !== undefined) return known;
    if (this.sessions.size >= MAX_SESSIONS) this.sessions.clear();
    const store = { session: null };
    this.sessions.set(origin, store);
    return store;
  }

  private ring(now: number): number {
    let next = Infinity;
    for (const pool of this.pools.values()) next = Math.min(next, pool.expire(now));
    return next;
  }

  private quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.onQuiet.push(resolve);
      this.whenQuiet();
    });
  }

  private whenQuiet(): void {
    if (!this.closed || this.openSockets > 0 || this.pools.size > 0) return;
    this.alarm.stop();
    for (const resolve of this.onQuiet.splice(0)) resolve();
  }
}

function throwOn(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
