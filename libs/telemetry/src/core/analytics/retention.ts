const DAY_MS = 86_400_000;

/**
 * Where what is kept begins: the first instant of the month, in UTC, that was under way `retentionDays` ago. Months go
 * as a whole, so at least that many days are kept. null: everything is.
 */
export function keptFrom(nowMs: number, retentionDays: number | null): number | null {
  if (retentionDays === null) return null;
  const oldest = new Date(nowMs - retentionDays * DAY_MS);
  return Date.UTC(oldest.getUTCFullYear(), oldest.getUTCMonth());
}
