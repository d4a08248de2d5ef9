export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The beginning of the UTC day. */
export const dayOf = (at: Date): Date => new Date(Math.floor(at.getTime() / DAY_MS) * DAY_MS);

/** The whole UTC days that touch `[from, to)`, each by its beginning. */
export function* daysOf(from: Date, to: Date): Generator<Date> {
  for (let at = dayOf(from).getTime(); at < to.getTime(); at += DAY_MS) yield new Date(at);
}
