import { type Answer } from '../types.js';

/** The largest answer that is kept for a replay, in bytes of its body. */
export const MAX_KEPT_BYTES = 2 * 1024 * 1024;

/** How long an answer can be replayed, in ms. */
export const KEPT_FOR_MS = 24 * 3_600_000;

/** An answer as the client saw it. */
export interface KeptAnswer {
  readonly status: number;
  /** Name, value, name, value... */
  readonly headers: readonly string[];
  readonly streamed: boolean;
  readonly body: Buffer;
}

/** All of an answer that is worth having again, and not an error or a part of one. */
export function isComplete(answer: Answer): boolean {
  if (answer.kind === 'whole') return answer.status >= 200 && answer.status < 300;
  return answer.kind === 'stream_end' && answer.complete;
}

const VERSION = 1;

/** version (1 byte) | length of the head (4, big-endian) | head as JSON | body */
export function encodeAnswer({ status, headers, streamed, body }: KeptAnswer): Buffer {
  const head = Buffer.from(JSON.stringify([status, streamed, ...headers]));
  const prefix = Buffer.alloc(5);
  prefix[0] = VERSION;
  prefix.writeUInt32BE(head.length, 1);
  return Buffer.concat([prefix, head, body]);
}

/** @throws Error for anything that `encodeAnswer` of this version did not make */
export function decodeAnswer(bytes: Buffer): KeptAnswer {
  if (bytes[0] !== VERSION) throw new Error('a kept answer of an unknown version');
  const bodyAt = 5 + bytes.readUInt32BE(1);
  const [status, streamed, ...headers] = JSON.parse(bytes.toString('utf8', 5, bodyAt)) as [number, boolean, ...string[]];
  return { status, headers, streamed, body: bytes.subarray(bodyAt) };
}
