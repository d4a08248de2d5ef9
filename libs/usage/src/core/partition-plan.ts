import { firstIdAt, type Uuid } from '@apex/common';

export interface MonthPartition {
  /** e.g. `2026_11` */
  readonly suffix: string;
  /** Half-open, as a range of UUIDv7. */
  readonly from: Uuid;
  readonly to: Uuid;
}

/** The UTC month of `nowMs` and the `monthsAhead` ones that follow it. */
export function planMonths(nowMs: number, monthsAhead: number): MonthPartition[] {
  const now = new Date(nowMs);
  return Array.from({ length: monthsAhead + 1 }, (_, ahead) => {
    const start = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead));
    const end = Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1);
    return { suffix: start.toISOString().slice(0, 7).replace('-', '_'), from: firstIdAt(start.getTime()), to: firstIdAt(end) };
  });
}
