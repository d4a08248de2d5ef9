import { v7 } from 'uuid';

/** A lower-case, hyphenated UUID. Request and attempt ids are version 7: their order is the order of time. */
export type Uuid = string;

/**
 * A new UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then a counter and randomness.
 * Ids made by one process in one millisecond still sort in the order they were made.
 */
export const newId = (): Uuid => v7();

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
