import { type OutgoingHttpHeaders } from 'node:http';
import { type Fault } from '../core/faults.js';
import { type TokenCounts } from '../core/ledger.js';
import { type Attempt } from './attempt.js';
import { type Exchange } from './exchange.js';

/** Events that go out in one turn of the event loop when nothing is to be waited for. */
const EVENTS_PER_TURN = 16;

/** One server-sent event, ready to be written. */
export interface Frame {
  readonly data: string;
  /** When it may leave, in ms after the request was accepted. */
  readonly dueMs: number;
  /** The bill once it has left. */
  readonly usage: TokenCounts;
  /** The content is complete with it. */
  readonly closes: boolean;
}

interface Delivery {
  readonly exchange: Exchange;
  readonly attempt: Attempt;
  /** `status`, `hang` and `disconnect` are over before an answer exists. */
  readonly fault: Fault | null;
  /** Made when the first byte leaves: they tell how long it took. */
  readonly headers: () => OutgoingHttpHeaders;
  readonly usage: TokenCounts;
  /** The bill by the clock, until something has been sent. */
  readonly usageAt: (elapsedMs: number) => TokenCounts;
}

/** Faults that need no answer. True if it was one, and the attempt is over. */
export async function failSilently(exchange: Exchange, attempt: Attempt, fault: Fault | null): Promise<boolean> {
  if (fault?.kind === 'disconnect') {
    attempt.end('cut');
    exchange.destroy();
    return true;
  }
  if (fault?.kind !== 'hang') return false;
  attempt.outcomeIfLost = 'hung';
  await exchange.untilLost();
  return true;
}

/**
 * Answers with one body when it is ready. The row is written just before the last byte leaves: whoever has read the
 * response finds it in the ledger.
 */
export async function deliverJson(delivery: Delivery & { readonly body: string; readonly readyMs: number }): Promise<void> {
  const { exchange, attempt, fault, headers, body, usage } = delivery;
  const delayMs = fault?.kind === 'slow_first_byte' ? fault.delayMs : 0;
  attempt.usageSoFar = () => delivery.usageAt(exchange.elapsedMs - delayMs);
  if (!(await exchange.pause(delayMs + delivery.readyMs - exchange.elapsedMs))) return;
  attempt.httpStatus = 200;
  attempt.usageSoFar = () => usage;
  if (fault?.kind === 'cut') {
    attempt.end('cut');
    exchange.open(200, { ...headers(), 'content-length': Buffer.byteLength(body) });
    await exchange.breakAfter(body.slice(0, body.length / 2));
    return;
  }
  attempt.end('completed');
  exchange.send(200, headers(), fault?.kind === 'malformed' ? body.slice(0, body.length / 2) : body);
}

interface StreamDelivery extends Delivery {
  readonly frames: Iterable<Frame>;
  /** What follows the frames. */
  readonly last: string;
  /** What the protocol sends in place of the rest when generation fails; the bill so far goes in. */
  readonly failure: (usage: TokenCounts) => string;
}

/** Streams the frames at their pace, then `last`. */
export async function deliverStream(delivery: StreamDelivery): Promise<void> {
  const { exchange, attempt, fault, headers, usage } = delivery;
  const delayMs = fault?.kind === 'slow_first_byte' ? fault.delayMs : 0;
  attempt.usageSoFar = () => delivery.usageAt(exchange.elapsedMs - delayMs);
  if (!(await exchange.pause(delayMs))) return;
  let sent = 0;
  for (const frame of delivery.frames) {
    const waitMs = delayMs + frame.dueMs - exchange.elapsedMs;
    if (waitMs > 0 ? !(await exchange.pause(waitMs)) : sent % EVENTS_PER_TURN === EVENTS_PER_TURN - 1 && !(await exchange.breathe())) return;
    if (sent === 0) {
      attempt.httpStatus = 200;
      exchange.open(200, headers());
    }
    if ((fault?.kind === 'cut' || fault?.kind === 'stream_error') && (sent >= fault.afterChunks || frame.closes)) {
      const soFar = attempt.usageSoFar();
      attempt.end('cut', soFar);
      if (fault.kind === 'stream_error') exchange.finish(delivery.failure(soFar));
      else await exchange.breakAfter('');
      return;
    }
    const broken = fault?.kind === 'malformed' && sent === 1;
    const taken = exchange.write(broken ? `${frame.data.slice(0, frame.data.length / 2)}\n\n` : frame.data);
    sent += 1;
    if (fault?.kind !== 'malformed') attempt.usageSoFar = () => frame.usage;
    else if (broken) attempt.usageSoFar = () => usage;
    if (taken !== true && !(await taken)) return;
  }
  attempt.end('completed', usage);
  exchange.finish(delivery.last);
}
