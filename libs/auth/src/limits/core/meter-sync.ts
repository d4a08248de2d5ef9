/**
 * What a meter counts. `window`: what was used in the last minute; `gauge`: what is under way; `total`: what was used since
 * it began, and never comes back.
 */
export type MeterKind = 'window' | 'gauge' | 'total';

/** What one process tells of a meter, and what it asks for. All amounts are whole and not negative. */
export interface MeterReport {
  /** Unique within the customer. */
  readonly id: string;
  readonly kind: MeterKind;
  readonly limit: number;
  /** How much this process had used in all, as far as it knows to have told; and how much it has used now. */
  readonly from: number;
  readonly to: number;
  /** What it goes on holding of what it was granted: promised to requests under way, or about to be. */
  readonly hold: number;
  /** What it would like to hold beside that; and how much of it requests are waiting for. */
  readonly want: number;
  readonly need: number;
  /** Of a `total`: it has used this much at least, as the books have it; null: nobody looked. */
  readonly floor: number | null;
}

export interface MeterGrant {
  readonly granted: number;
  /** By everybody. */
  readonly used: number;
  /** By everybody, what was just granted included. */
  readonly held: number;
  /** ms until `need` may be there, where it was not; 0 where it was. */
  readonly retryAfterMs: number;
  /** ms until a window is empty if nobody uses any more. */
  readonly resetMs: number;
  /** false: a `total` of which nobody knows what was used so far. Nothing is granted then. */
  readonly known: boolean;
  /** false: what was used was not heard where all meet, and is to be told again. */
  readonly heard: boolean;
}

export const WINDOW_MS = 60_000;
/** What was used counts for a minute and for the rest of the slot it was used in: a quarter of a second at most. */
export const SLOT_MS = 250;
export const WINDOW_SLOTS = WINDOW_MS / SLOT_MS;
/** How long a process holds what it was granted without a word: then it is taken for dead, and others may have it. */
export const LEASE_MS = 10_000;

/** How much of the room a process gets: what its requests wait for, and of the rest no more than half, for others come too. */
export function grantOf(room: number, want: number, need: number): number {
  return Math.max(0, Math.min(need, room), Math.min(want, Math.ceil(room / 2)));
}
