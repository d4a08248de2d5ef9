import { type Socket } from 'node:net';
import { type ResponseHead } from '../core/response-head.js';
import { ResponseParser } from '../core/response-parser.js';
import { type Call, type CallFailure, type Carrier } from './call.js';

/** Up to here head and body are one string in latin1, which is one byte per character: Node writes a short string without any memory of its own. Longer bodies go out as they are, with one system call. */
const SMALL_BODY_BYTES = 12 * 1024;
/** A server closes when its own time is over; we are gone this much earlier, for what is then on the way. */
const HINT_MARGIN_MS = 1_000;
/** However long a server promises to wait. */
const MAX_IDLE_MS = 600_000;

/** Whose connection it is; told of everything that changes what it may be used for. */
export interface ConnectionOwner {
  readonly idleMs: number;
  /** See `Alarm.by`. */
  alarmBy(deadline: number): void;
  onReady(connection: Connection): void;
  onConnectFailed(connection: Connection, failure: 'connect_failed' | 'connect_timeout'): void;
  /** The answer is whole and the connection is good for another. */
  onFree(connection: Connection): void;
  /** It is of no more use. Told once for a connection that was ready. */
  onGone(connection: Connection): void;
}

/** One socket: connects, then carries one call at a time. It is dead from the first sign that it could not carry another. */
export class Connection implements Carrier {
  state: 'connecting' | 'idle' | 'busy' | 'dead' = 'connecting';
  /** When what it waits for is over, on the clock of `performance.now()`: the connection, the head, more of the body, another call. */
  deadline: number;
  private socket: Socket | null = null;
  private secure = false;
  private call: Call | null = null;
  private readonly parser = new ResponseParser();
  private headRead = false;
  private keepAlive = false;
  private idleMs: number;
  private more = false;
  /** What came while the call was paused: of the body, with the head in whose event it was paused; and bytes, as TLS decrypts all it has. */
  private untold: Buffer | null = null;
  private unread: Buffer[] = [];
  private ended = false;

  constructor(
    private readonly owner: ConnectionOwner,
    connectTimeoutMs: number,
  ) {
    this.idleMs = owner.idleMs;
    this.deadline = performance.now() + connectTimeoutMs;
    owner.alarmBy(this.deadline);
  }

  /** @param readyEvent `connect`, or `secureConnect` for TLS. */
  attach(socket: Socket, readyEvent: 'connect' | 'secureConnect'): void {
    this.socket = socket;
    this.secure = readyEvent === 'secureConnect';
    socket.once(readyEvent, () => {
      if (this.state !== 'connecting') return;
      this.state = 'idle';
      this.deadline = performance.now() + this.idleMs;
      this.owner.onReady(this);
    });
    socket.on('end', () => this.onEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.broke(error.code === 'ETIMEDOUT' ? 'connect_timeout' : 'connect_failed'));
    socket.on('close', () => this.broke('connect_failed'));
  }

  /** Takes a call; only while idle. `now`, here and below, is of `performance.now()`, which is asked no more often than needed. */
  start(call: Call, now: number): void {
    const { request, head } = call;
    const socket = this.socket!;
    this.state = 'busy';
    this.call = call;
    call.carrier = this;
    this.headRead = false;
    this.parser.start(request.method === 'HEAD');
    const { body } = request;
    if (body === null || body.length === 0) {
      socket.write(head, 'latin1');
    } else if (body.length <= SMALL_BODY_BYTES) {
      socket.write(head + body.toString('latin1'), 'latin1');
    } else {
      socket.cork();
      socket.write(Buffer.from(head, 'latin1'));
      socket.write(body);
      socket.uncork();
    }
    if (call.paused) this.pause();
    else this.waitFor(request.firstByteTimeoutMs, now);
  }

  /** It waits for a call: it does not keep the process alive, and goes after a while. */
  rest(): void {
    this.state = 'idle';
    this.socket!.unref();
    this.waitFor(this.idleMs, performance.now());
  }

  /** Ends a rest. False: its time is over. */
  wake(now: number): boolean {
    if (this.deadline <= now) return false;
    this.socket!.ref();
    return true;
  }

  /** The alarm rang behind the deadline. */
  expire(): void {
    switch (this.state) {
      case 'connecting':
        return this.broke('connect_timeout');
      case 'idle':
        return this.destroy();
      case 'busy':
        return this.abandon(this.headRead ? 'idle_timeout' : 'first_byte_timeout');
      case 'dead':
        return;
    }
  }

  drop(_call: Call): void {
    this.call = null;
    this.destroy();
  }

  pause(): void {
    this.deadline = Infinity;
    this.socket!.pause();
  }

  resume(): void {
    const { call } = this;
    if (call === null) return;
    this.waitFor(this.headRead ? call.request.idleTimeoutMs : call.request.firstByteTimeoutMs, performance.now());
    this.socket!.resume();
    // In a turn of its own: the caller is in the middle of `resume`.
    if (this.untold !== null || this.unread.length > 0 || this.ended) setImmediate(() => this.catchUp());
  }

  /** Ends the call that it carries, and itself. */
  abort(): void {
    if (this.call === null) this.destroy();
    else this.call.stop('aborted');
  }

  /** No more use; a call that it carries must have been let go. */
  destroy(): void {
    if (this.state === 'dead') return;
    const connecting = this.state === 'connecting';
    this.state = 'dead';
    this.deadline = Infinity;
    this.untold = null;
    this.unread = [];
    this.socket?.destroy();
    if (!connecting) this.owner.onGone(this);
  }

  /** What the socket brought, in memory that holds something else when the caller's events run. */
  onRead(bytes: Buffer, length: number): void {
    const { call } = this;
    if (call === null) return this.broke('connect_failed');
    if (call.paused || this.unread.length > 0 || this.untold !== null) this.unread.push(copyOf(bytes, 0, length));
    else this.read(call, bytes, length);
  }

  /** Reads all of it before it tells any of it. */
  private read(call: Call, bytes: Buffer, length: number): void {
    const { parser } = this;
    let head: ResponseHead | null = null;
    let from = 0;
    if (!this.headRead) {
      head = parser.readHead(bytes, length);
      if (head === null) {
        if (parser.problem !== null) this.abandon('protocol');
        return;
      }
      this.headRead = true;
      this.mind(head);
      from = parser.consumed;
    }
    let data: Buffer | null = null;
    if (!parser.complete && from < length) {
      parser.readBody(bytes, from, length);
      if (parser.bodyEnd > parser.bodyStart) data = copyOf(bytes, parser.bodyStart, parser.bodyEnd);
    }
    this.more = parser.consumed < length;
    if (!parser.complete) this.waitFor(call.request.idleTimeoutMs, performance.now());
    if (head !== null) {
      call.tellHead(head.status, head.headers);
      if (call.over) return;
      if (call.paused && data !== null) {
        this.untold = data;
        return;
      }
    }
    this.tell(call, data);
  }

  private tell(call: Call, data: Buffer | null): void {
    if (data !== null) {
      call.tellData(data);
      if (call.over) return;
    }
    if (this.parser.problem !== null) this.abandon('protocol');
    else if (this.parser.complete) this.complete(call);
  }

  /** What came while the call was paused. */
  private catchUp(): void {
    let { call } = this;
    if (call === null || call.paused) return;
    const { untold } = this;
    this.untold = null;
    if (untold !== null) this.tell(call, untold);
    for (call = this.call; call !== null && !call.paused && this.unread.length > 0; call = this.call) {
      const bytes = this.unread.shift()!;
      this.read(call, bytes, bytes.length);
    }
    if (this.ended && call !== null && !call.paused) this.finishAtEnd(call);
  }

  /** Whether, and how long, this server keeps a connection that nothing is asked on. */
  private mind({ keepAlive, keepAliveHintMs }: ResponseHead): void {
    this.keepAlive = keepAlive;
    this.idleMs = keepAliveHintMs === null ? this.owner.idleMs : Math.min(keepAliveHintMs - HINT_MARGIN_MS, MAX_IDLE_MS);
  }

  private complete(call: Call): void {
    this.call = null;
    if (call.paused) this.socket!.resume();
    // Over TLS Node says that a write is done in a turn of its own, at the earliest: a quick answer can be there before.
    if (this.secure && this.socket!.writableLength > 0) setImmediate(() => this.release());
    else this.release();
    call.tellEnd();
  }

  /** For another call, or for none. */
  private release(): void {
    // It may have broken meanwhile.
    if (this.state === 'dead') return;
    if (this.isReusable) this.owner.onFree(this);
    else this.destroy();
  }

  /** Not where the server sent more than the answer (what it sends is an answer to nothing), nor where it answered before it had the whole request: it often closes then. */
  private get isReusable(): boolean {
    return this.keepAlive && !this.more && !this.ended && this.unread.length === 0 && this.idleMs > 0 && this.socket!.writableLength === 0;
  }

  private onEnd(): void {
    if (this.state !== 'busy') return this.broke('connect_failed');
    this.ended = true;
    const { call } = this;
    if (call !== null && !call.paused && this.unread.length === 0 && this.untold === null) this.finishAtEnd(call);
  }

  private finishAtEnd(call: Call): void {
    if (this.headRead && this.parser.readEnd()) this.complete(call);
    else this.abandon('reset');
  }

  /** The socket broke or closed; `failure` is what that means while it is still connecting. */
  broke(failure: 'connect_failed' | 'connect_timeout'): void {
    switch (this.state) {
      case 'connecting':
        this.destroy();
        return this.owner.onConnectFailed(this, failure);
      case 'idle':
        return this.destroy();
      case 'busy':
        // Its end has been seen: what was read and is held back is told first, and then that.
        if (this.ended) return;
        return this.abandon('reset');
      case 'dead':
        return;
    }
  }

  /** The call failed, and the connection with it. */
  private abandon(failure: CallFailure): void {
    const { call } = this;
    this.call = null;
    this.destroy();
    call?.fail(failure);
  }

  private waitFor(ms: number, now: number): void {
    this.deadline = now + ms;
    this.owner.alarmBy(this.deadline);
  }
}

function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}
