import { randomBytes } from 'node:crypto';

/** A lower-case, hyphenated UUID. Request and attempt ids are version 7: their order is the order of time. */
export type Uuid = string;

/** Randomness is drawn for this many ids at once: asking the kernel for it costs more than the id. */
const POOLED_IDS = 512;
/** Of 62 random bits: two make the variant's digit, sixty the fifteen others. */
const DIGITS_PER_ID = 16;
let pool = '';
let used = POOLED_IDS;

let lastMs = -1;
let prefix = '';
let counter = 0;
const MAX_COUNTER = 0xfff;

/**
 * A new UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, a counter in `rand_a`, and 62 random bits.
 * Ids made by one process sort in the order they were made, also within a millisecond and when the clock steps back
 * (RFC 9562, 6.2, method 1): a counter that is full borrows the next millisecond.
 *
 * Written out, for it runs twice on every request's path: the `uuid` package takes several times as long.
 */
export function newId(): Uuid {
  if (used === POOLED_IDS) {
    pool = randomBytes((POOLED_IDS * DIGITS_PER_ID) / 2).toString('hex');
    used = 0;
  }
  const at = used++ * DIGITS_PER_ID;
  const random = pool.slice(at, at + DIGITS_PER_ID);
  const now = Date.now();
  if (now > lastMs || counter === MAX_COUNTER) {
    lastMs = Math.max(now, lastMs + 1);
    const hex = lastMs.toString(16).padStart(12, '0');
    prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
    // It starts in its lower half, so that ids of one millisecond tell little of their number.
    counter = Number.parseInt(random.slice(0, 3), 16) & 0x7ff;
  } else {
    counter++;
  }
  return `${prefix}${HEX_3[counter]!}-${VARIANT[random.charCodeAt(0)]!}${random.slice(1, 4)}-${random.slice(4)}`;
}

const HEX_3 = Array.from({ length: MAX_COUNTER + 1 }, (_, n) => n.toString(16).padStart(3, '0'));
/** The variant's digit, 10xx, by the character code of a random digit. */
const VARIANT: Readonly<Record<number, string>> = Object.fromEntries([...'0123456789abcdef'].map((digit, n) => [digit.charCodeAt(0), '89ab'[n & 3]!]));

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a UUID of any version in its canonical form. */
export const isUuid = (value: string): boolean => UUID.test(value);

/** The millisecond that a UUIDv7 carries. */
export const idTime = (id: Uuid): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/**
 * The smallest UUIDv7 of a millisecond. Half-open ranges of time over ids are
 * `id >= firstIdAt(from) and id < firstIdAt(to)`.
 */
export function firstIdAt(epochMs: number): Uuid {
  const hex = Math.max(0, Math.floor(epochMs)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
