import { type Socket } from 'node:net';
import { type RequestHead } from '../core/request-head.js';
import { answerHead, hasBody } from './answer-head.js';
import { LaneRequest, type RequestCarrier } from './lane-request.js';

/** The connection, as the writer of an answer sees it. */
export interface ExchangeCarrier extends RequestCarrier {
  readonly socket: Socket;
  /** The connection ends with the answer that begins now, whatever the client would like. */
  readonly closing: boolean;
  /** `Connection: keep-alive` and what goes with it, each line with its end. */
  readonly keepAliveLines: string;
  /** The answer's last byte is with the kernel. @param close the connection ends here */
  onAnswered(close: boolean): void;
}

/** Up to here Node writes a string to the kernel without memory of its own: one copy into latin1 text is cheaper than a list of buffers. */
const SINGLE_WRITE_BYTES = 16 * 1024;
const CLOSE_LINE = 'Connection: close\r\n';
const CHUNKED_LINE = 'Transfer-Encoding: chunked\r\n';
const LAST_CHUNK = '0\r\n\r\n';

/**
 * One request and its answer in one object, which lives as long as both. It takes the place of node:http's
 * IncomingMessage and ServerResponse, and its answers are those that they would have written, to the byte; only that
 * what is written to a stream in one turn of the event loop is one chunk.
 */
export class LaneExchange extends LaneRequest<ExchangeCarrier> {
  /** The client has hung up before its answer was complete. */
  gone = false;

  /** Nothing of the answer; its head is given; all of it is with the socket; all of it is with the kernel. */
  private stage: 'open' | 'streaming' | 'ended' | 'flushed' = 'open';
  private close: boolean;
  /** An answer that ends with its head, whatever is written to it. */
  private bodiless = false;
  private head_ = '';
  private burst: Buffer[] | null = null;
  private burstBytes = 0;
  private unflushed = false;
  private mustDrain = false;
  private goneListener: (() => void) | null = null;
  private drainListener: (() => void) | null = null;

  constructor(carrier: ExchangeCarrier, head: RequestHead) {
    super(carrier, head);
    this.close = head.close;
  }

  /** The head of the answer is given, and not all of it is with the kernel. */
  get answering(): boolean {
    return this.stage === 'streaming' || this.stage === 'ended';
  }

  get answered(): boolean {
    return this.stage === 'flushed';
  }

  /** Runs once if the client hangs up before its answer is complete. */
  onGone(listener: () => void): void {
    this.goneListener = both(this.goneListener, listener);
  }

  /**
   * A whole answer, in one write unless it is large. Its length, the date and what is to be said of the connection are added.
   * @param headers name, value, name, value...
   * @throws TypeError for a header that cannot be sent; nothing has been sent then
   */
  send(status: number, headers: readonly string[], body: readonly Buffer[]): void {
    if (this.gone || this.stage === 'ended' || this.stage === 'flushed') return;
    // Half of another answer is out: only a broken connection says that the rest will not come.
    if (this.stage === 'streaming') return void this.carrier.socket.destroy();
    let length = 0;
    for (const part of body) length += part.length;
    const text = answerHead(status, headers, length, this.connectionLines(), Date.now());
    this.stage = 'ended';
    this.put(text, hasBody(status) ? body : NOTHING, length, '');
    this.afterLastWrite();
  }

  /**
   * The head of a streamed answer; it leaves with the first bytes.
   * @param headers name, value, name, value...
   * @throws TypeError for a header that cannot be sent; nothing has been sent then
   */
  head(status: number, headers: readonly string[]): void {
    if (this.gone || this.stage !== 'open') return;
    this.bodiless = !hasBody(status);
    const lines = this.connectionLines();
    this.head_ = answerHead(status, headers, null, this.bodiless ? lines : lines + CHUNKED_LINE, Date.now());
    this.stage = 'streaming';
  }

  /**
   * Leaves at the end of the turn, with all else that is written in it. The bytes must not change until then.
   * @returns false when the client reads slower than we write: wait for `onDrain`
   */
  write(chunk: Buffer): boolean {
    if (this.gone || this.stage !== 'streaming') return true;
    if (!this.bodiless && chunk.length > 0) {
      (this.burst ??= []).push(chunk);
      this.burstBytes += chunk.length;
    }
    if (!this.unflushed) {
      this.unflushed = true;
      // One microtask for all streams that are written to in this turn.
      if (unflushed.push(this) === 1) queueMicrotask(flushAll);
    }
    const { socket } = this.carrier;
    if (this.burstBytes + socket.writableLength < socket.writableHighWaterMark) return true;
    this.mustDrain = true;
    return false;
  }

  /** Runs once, when the client has caught up. */
  onDrain(listener: () => void): void {
    this.drainListener = both(this.drainListener, listener);
  }

  end(chunk?: Buffer): void {
    if (this.gone || this.stage !== 'streaming') return;
    if (chunk !== undefined && chunk.length > 0 && !this.bodiless) {
      (this.burst ??= []).push(chunk);
      this.burstBytes += chunk.length;
    }
    this.stage = 'ended';
    this.putBurst(this.bodiless ? '' : LAST_CHUNK);
    this.afterLastWrite();
  }

  /** What was written in this turn leaves. */
  flush(): void {
    this.unflushed = false;
    if (this.gone || this.stage !== 'streaming') return;
    this.putBurst('');
    // Where the socket waits too, its own event tells when it has drained.
    if (this.mustDrain && !this.carrier.socket.writableNeedDrain) this.drained();
  }

  drained(): void {
    if (!this.mustDrain) return;
    this.mustDrain = false;
    const listener = this.drainListener;
    this.drainListener = null;
    listener?.();
  }

  /** The connection has ended. */
  abandon(): void {
    if (this.stage !== 'flushed') this.gone = true;
    this.abandonBody();
    if (!this.gone) return;
    const listener = this.goneListener;
    this.goneListener = this.drainListener = null;
    listener?.();
  }

  private connectionLines(): string {
    this.close ||= this.carrier.closing;
    return this.close ? CLOSE_LINE : this.carrier.keepAliveLines;
  }

  private putBurst(tail: string): void {
    const { burst, burstBytes } = this;
    let text = this.head_;
    this.head_ = '';
    this.burst = null;
    this.burstBytes = 0;
    if (burst === null) return this.put(text + tail, NOTHING, 0, '');
    text += `${burstBytes.toString(16)}\r\n`;
    this.put(text, burst, burstBytes, `\r\n${tail}`);
  }

  private put(before: string, parts: readonly Buffer[], size: number, after: string): void {
    const { socket } = this.carrier;
    // The client has half-closed, and with it, as in node:http, our side.
    if (!socket.writable) return;
    if (before.length + size + after.length <= SINGLE_WRITE_BYTES) {
      let text = before;
      for (const part of parts) text += part.toString('latin1');
      text += after;
      if (text !== '') socket.write(text, 'latin1');
      return;
    }
    socket.cork();
    socket.write(before, 'latin1');
    for (const part of parts) socket.write(part);
    if (after !== '') socket.write(after, 'latin1');
    socket.uncork();
  }

  private afterLastWrite(): void {
    const { socket } = this.carrier;
    if (!socket.writable) return;
    if (socket.writableLength === 0) return this.onFlushed();
    socket.write('', 'latin1', (error) => {
      if (error == null) this.onFlushed();
    });
  }

  private onFlushed(): void {
    if (this.gone) return;
    this.stage = 'flushed';
    this.goneListener = this.drainListener = null;
    this.discardUnread();
    this.carrier.onAnswered(this.close);
  }
}

const NOTHING: readonly Buffer[] = [];

const unflushed: LaneExchange[] = [];

/** What listeners write while this runs joins in. */
function flushAll(): void {
  let done = 0;
  try {
    while (done < unflushed.length) unflushed[done++]!.flush();
  } finally {
    unflushed.splice(0, done);
    // A listener has thrown: that is no reason for other streams to stand still.
    if (unflushed.length > 0) queueMicrotask(flushAll);
  }
}

const both = (earlier: (() => void) | null, later: () => void): (() => void) =>
  earlier === null
    ? later
    : () => {
        earlier();
        later();
      };
