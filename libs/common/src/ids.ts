import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** A lower-case, hyphenated UUID. Request and attempt ids are version 7: their order is the order of time. */
export type Uuid = string;

/** Randomness is drawn for this many ids at once: asking the kernel for sixteen bytes costs more than the id. */
const POOLED_IDS = 256;
const ID_BYTES = 16;
const pool = new Uint8Array(POOLED_IDS * ID_BYTES);
let used = POOLED_IDS;
let lastMs = -1;
let sequence = 0;

/**
 * A new UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, a counter, and randomness.
 * Ids made by one process sort in the order they were made, also within a millisecond and when the clock steps back.
 */
export function newId(): Uuid {
  if (used === POOLED_IDS) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used * ID_BYTES, ++used * ID_BYTES);
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    // The counter starts in its lower half (RFC 9562, 6.2, method 1), so that it cannot overflow within a millisecond.
    sequence = ((random[6]! << 16) | (random[7]! << 8) | random[8]!) & 0x7fffff;
  } else {
    sequence++;
  }
  return v7({ random, msecs: lastMs, seq: sequence });
}

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
