import { type Call, type Carrier } from './call.js';
import { Connection, type ConnectionOwner } from './connection.js';

export interface PoolOptions {
  /** Open connections at the most, each with one call at a time. */
  readonly connections: number;
  /** Calls that wait for one at the most. */
  readonly maxWaiting: number;
  readonly connectTimeoutMs: number;
  readonly keepAliveMs: number;
}

export interface PoolStats {
  /** Connections that stand. */
  readonly connected: number;
  /** Calls that have one. */
  readonly running: number;
  /** Calls that wait for one. */
  readonly waiting: number;
}

/**
 * The connections to one origin. Of the free ones the one that was used last goes first, so that those that are not
 * needed grow old and go. A call without one waits, and one is opened as long as there may be more; the call takes
 * whichever is free first.
 */
export class OriginPool implements ConnectionOwner, Carrier {
  private readonly connections = new Set<Connection>();
  private readonly idle: Connection[] = [];
  private readonly waiting = new Set<Call>();
  private connecting = 0;
  private closing = false;

  constructor(
    /** What every request's head says to this origin. */
    readonly commonHead: string,
    private readonly options: PoolOptions,
    /** Opens a socket for a connection. May throw. Every life of a pool begins with one. */
    private readonly open: (connection: Connection) => void,
    readonly alarmBy: (deadline: number) => void,
    private readonly onEmpty: () => void,
  ) {}

  get idleMs(): number {
    return this.options.keepAliveMs;
  }

  get stats(): PoolStats {
    const connected = this.connections.size - this.connecting;
    return { connected, running: connected - this.idle.length, waiting: this.waiting.size };
  }

  submit(call: Call): void {
    const now = performance.now();
    for (let connection = this.idle.pop(); connection !== undefined; connection = this.idle.pop()) {
      if (connection.wake(now)) return connection.start(call, now);
      connection.destroy();
    }
    if (this.waiting.size >= this.options.maxWaiting) return call.failSoon('connect_failed');
    call.carrier = this;
    call.waitsUntil = now + this.options.connectTimeoutMs;
    this.alarmBy(call.waitsUntil);
    this.waiting.add(call);
    this.grow();
  }

  /** Ends what is due and returns the next deadline; Infinity for none. */
  expire(now: number): number {
    // All wait equally long: the first of them is the first to be due.
    for (const call of this.waiting) {
      if (call.waitsUntil > now) break;
      call.stop('connect_timeout');
    }
    let next = Infinity;
    for (const connection of this.connections) {
      if (connection.deadline <= now) connection.expire();
      else if (connection.deadline < next) next = connection.deadline;
    }
    return Math.min(next, first(this.waiting)?.waitsUntil ?? Infinity);
  }

  /** No new calls will come: what is free goes now, the rest with its last call. */
  close(): void {
    this.closing = true;
    for (const connection of [...this.idle]) connection.destroy();
    if (this.waiting.size === 0) this.dropUnfinished();
    this.leaveIfEmpty();
  }

  /** Ends all calls with `aborted` and closes every connection. */
  destroy(): void {
    this.closing = true;
    for (const call of [...this.waiting]) call.stop('aborted');
    this.dropUnfinished();
    for (const connection of [...this.connections]) connection.abort();
    this.leaveIfEmpty();
  }

  onReady(connection: Connection): void {
    this.connecting--;
    this.onFree(connection);
  }

  onFree(connection: Connection): void {
    if (this.waiting.size > 0) {
      const call = first(this.waiting)!;
      this.waiting.delete(call);
      return connection.start(call, performance.now());
    }
    if (this.closing) return connection.destroy();
    connection.rest();
    this.idle.push(connection);
  }

  onConnectFailed(connection: Connection, failure: 'connect_failed' | 'connect_timeout'): void {
    if (!this.connections.delete(connection)) return;
    this.connecting--;
    // Whoever waits beyond the connections that are still on their way waited for this one.
    if (this.waiting.size > this.connecting) first(this.waiting)?.stop(failure);
    this.grow();
    this.leaveIfEmpty();
  }

  onGone(connection: Connection): void {
    this.connections.delete(connection);
    const at = this.idle.lastIndexOf(connection);
    if (at !== -1) this.idle.splice(at, 1);
    this.grow();
    this.leaveIfEmpty();
  }

  drop(call: Call): void {
    this.waiting.delete(call);
    this.leaveIfEmpty();
  }

  /** A call that waits has nothing to pause yet; it keeps in mind that it is to be. */
  pause(): void {}
  resume(): void {}

  private grow(): void {
    while (this.connecting < this.waiting.size && this.connections.size < this.options.connections) {
      const connection = new Connection(this, this.options.connectTimeoutMs);
      this.connections.add(connection);
      this.connecting++;
      try {
        this.open(connection);
      } catch {
        // Not while the caller has no reins yet.
        setImmediate(() => connection.broke('connect_failed'));
      }
    }
  }

  private dropUnfinished(): void {
    for (const connection of [...this.connections]) {
      if (connection.state !== 'connecting') continue;
      connection.destroy();
      this.connections.delete(connection);
    }
    this.connecting = 0;
  }

  private leaveIfEmpty(): void {
    if (this.connections.size === 0 && this.waiting.size === 0) this.onEmpty();
  }
}

const first = <T>(set: ReadonlySet<T>): T | undefined => set.values().next().value;
