import { type Clock } from '@apex/common';
import { type RecurringJob } from '@apex/queue';
import { DAY_MS, HOUR_MS } from '../core/rollups/buckets.js';
import { type RollupChecks } from './rollup-checks.service.js';
import { type Rollups } from './rollups.service.js';

const MINUTE_MS = 60_000;
/** A refresh rests so many times as long as it took: an hour is read whole each time, and with many millions of records that takes minutes. */
const RESTS = 4;
/** Also what a clock that was set back can cost. */
const LONGEST_REST_MS = 10 * MINUTE_MS;
/** What is late is seldom later. */
const RECENT_MS = 2 * DAY_MS;
/** Two periods: nothing older is on a statement that is still to be made. */
const ALL_MS = 62 * DAY_MS;

/** Rollups are a minute old, or five times as old as it takes to make them; the last days are compared with their records every hour, and all that may still be billed every day. */
export function rollupJobs(rollups: Rollups, checks: RollupChecks, clock: Clock): RecurringJob[] {
  const check = async (lengthMs: number, goesOn: () => boolean): Promise<void> => {
    await rollups.refresh(goesOn);
    // Ids may be a little ahead of the time.
    const to = clock.now() + HOUR_MS;
    await checks.check(new Date(to - lengthMs), new Date(to), goesOn);
  };
  let restsUntil = -Infinity;
  const refresh = async (goesOn: () => boolean): Promise<void> => {
    const began = clock.now();
    if (began < restsUntil && restsUntil - began <= LONGEST_REST_MS) return;
    try {
      await rollups.refresh(goesOn);
    } finally {
      const ended = clock.now();
      restsUntil = ended + Math.min(RESTS * (ended - began), LONGEST_REST_MS);
    }
  };
  return [
    { name: 'refresh', everyMs: MINUTE_MS, run: refresh },
    { name: 'check-recent', everyMs: HOUR_MS, run: (goesOn) => check(RECENT_MS, goesOn) },
    { name: 'check-all', everyMs: DAY_MS, run: (goesOn) => check(ALL_MS, goesOn) },
  ];
}
