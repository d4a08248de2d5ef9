import { createHmac, hash } from 'node:crypto';
import { ReusableHmac } from './reusable-hmac.js';
import { type Arm } from '@apex/usage';

const FRACTION_BYTES = 6;

/** How many values the fraction can take: 2^48, exact in a JS number. */
const FRACTIONS = 256n ** BigInt(FRACTION_BYTES);

/**
 * The unit that the experiment assigns as a whole: a session where the client names one, else a conversation, told by its
 * key and first user message. A hash in either case: nothing that the customer wrote goes into a record.
 */
export function clusterOf(customerId: string, keyId: string, session: string | null, firstUserMessage: Uint8Array): string {
  const named = session === null ? conversation(`conversation\0${customerId}\0${keyId}\0`, firstUserMessage) : `session\0${customerId}\0${session}`;
  return hash('sha256', named, 'hex').slice(0, 32);
}

/** Nothing in here outlives a call, which is synchronous. Longer conversations have one of their own. */
const scratch = Buffer.allocUnsafeSlow(8_192);

function conversation(scope: string, firstUserMessage: Uint8Array): Uint8Array {
  // A UTF-16 unit takes at most three bytes.
  if (scope.length * 3 + firstUserMessage.length > scratch.length) return Buffer.concat([Buffer.from(scope), firstUserMessage]);
  const at = scratch.write(scope);
  scratch.set(firstUserMessage, at);
  return scratch.subarray(0, at + firstUserMessage.length);
}

/**
 * Treated or control: the first 48 bits of HMAC-SHA256(period secret, cluster) as a fraction, below the share of controls
 * or not. Whoever has the secret, which is published with the statement and whose hash was published before, can assign
 * every cluster again.
 */
export function armOf(secret: Buffer, cluster: string, controlPpm: number): Arm {
  const digest = hmacOf(secret).digest(cluster);
  let fraction = 0;
  for (let i = 0; i < FRACTION_BYTES; i++) fraction = fraction * 256 + digest.charCodeAt(i);
  return fraction < controlsBelow(controlPpm) ? 'control' : 'treated';
}

let lastPpm = -1;
let lastBound = 0;

/** The first fraction that is not a control's: of whole numbers, f / 2^48 < ppm / 10^6 just where f < ceil(ppm x 2^48 / 10^6). */
function controlsBelow(ppm: number): number {
  if (ppm !== lastPpm) {
    lastBound = Number((BigInt(ppm) * FRACTIONS + 999_999n) / 1_000_000n);
    lastPpm = ppm;
  }
  return lastBound;
}

/** Secrets are few and live for a month: each one's keyed state is made once. */
const hmacs = new WeakMap<Buffer, ReusableHmac>();

function hmacOf(secret: Buffer): ReusableHmac {
  let hmac = hmacs.get(secret);
  if (hmac === undefined) hmacs.set(secret, (hmac = new ReusableHmac(secret)));
  return hmac;
}

/** A customer's secret of a period. It follows from the period's root, and telling one tells nothing of the others. */
export const customerSecret = (root: Buffer, customerId: string): Buffer => createHmac('sha256', root).update(`apex experiment\0${customerId}`).digest();

/** What is published at the period's start. */
export const secretHash = (secret: Buffer): string => hash('sha256', secret, 'hex');

/** A calendar month in UTC, half-open. */
export interface Period {
  /** `2026-11` */
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

let last: Period = { name: '', fromMs: 0, toMs: 0 };

/** The month that a moment is in. */
export function periodAt(ms: number): Period {
  // Asked for each request, and the answer changes once a month.
  if (!(ms >= last.fromMs && ms < last.toMs)) last = monthOf(ms);
  return last;
}

function monthOf(ms: number): Period {
  const date = new Date(ms);
  const fromMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  return { name: new Date(fromMs).toISOString().slice(0, 7), fromMs, toMs: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) };
}
