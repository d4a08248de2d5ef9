/** Below it Stripe charges nothing: smaller amounts are carried to the next statement, by ourselves. */
const MINIMUM_CHARGE_CENTS = 50n;

export type FailureKind =
  /** No answer: it may have been carried out. */
  | 'unreachable'
  /** 5xx: it may have been carried out, and the answer is kept under its key. */
  | 'server_error'
  /** The key was used for something else. */
  | 'key_conflict'
  /** The same key is being worked on. */
  | 'key_in_use'
  | 'rate_limited'
  /** Our key for Stripe is not good. */
  | 'unauthorized'
  /** A bank said no. */
  | 'declined'
  /** What it is about is not there (any more). */
  | 'missing'
  /** Refused as it stands: to be mended by a person. */
  | 'invalid';

export interface Attempted {
  readonly attempts: number;
  readonly generation: number;
}

export interface NextStep {
  readonly state: 'pending' | 'unknown' | 'refused';
  readonly generation: number;
  readonly delayMs: number;
}

const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** The hour of an outage is nobody's fault, and a wrong key is mended by a restart. */
const pause = (attempts: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempts, 20));

/**
 * What becomes of a row whose sending failed. `unknown` says: look whether it arrived before it is sent again.
 *
 * An answer is kept under its idempotency key for a day, a 500 too: the same key would get the same 500 for as long. So
 * after a 5xx the next sending has a key of its own, which is safe because it was looked before and nothing of the first
 * is still under way. After no answer at all the key stays: the first may still be under way, and only the key keeps the
 * two apart.
 */
export function afterFailure(kind: FailureKind, { attempts, generation }: Attempted): NextStep {
  const delayMs = pause(attempts);
  switch (kind) {
    case 'unreachable':
    case 'key_in_use':
      return { state: 'unknown', generation, delayMs };
    case 'server_error':
    case 'key_conflict':
      return { state: 'unknown', generation: generation + 1, delayMs };
    case 'rate_limited':
    case 'unauthorized':
      return { state: 'pending', generation, delayMs };
    case 'declined':
    case 'missing':
    case 'invalid':
      return { state: 'refused', generation, delayMs: 0 };
  }
}

/** `vbp:<customer>:<period>`, and the number of the generation from the second on. */
export function idempotencyKey(row: { readonly label: string; readonly customerId: string; readonly periodStart: Date; readonly generation: number }): string {
  const key = `${row.label}:${row.customerId}:${row.periodStart.toISOString().slice(0, 10)}`;
  return row.generation === 0 ? key : `${key}:${row.generation + 1}`;
}

const NEVER_SENT = ['currency_not_usd', 'nothing_to_charge', 'under_minimum_charge'] as const;

/** Every reason for which a charge waits for a person. */
export const REFUSALS: readonly string[] = ['declined', 'missing', 'invalid', ...NEVER_SENT] satisfies readonly (FailureKind | (typeof NEVER_SENT)[number])[];

/** Why an amount is not sent at all; null for one that is. A statement whose invoice would be under the minimum carries its amounts forward, and makes no charges. */
export function refusalOf(charge: { readonly amountCents: bigint; readonly currency: string; readonly invoiceCents: bigint }): (typeof NEVER_SENT)[number] | null {
  if (charge.currency !== 'usd') return 'currency_not_usd';
  if (charge.amountCents === 0n) return 'nothing_to_charge';
  if (charge.invoiceCents > 0n && charge.invoiceCents < MINIMUM_CHARGE_CENTS) return 'under_minimum_charge';
  return null;
}
