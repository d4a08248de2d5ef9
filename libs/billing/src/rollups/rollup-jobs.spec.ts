import { FakeClock } from '@apex/common';
import { type RollupChecks } from './rollup-checks.service.js';
import { rollupJobs } from './rollup-jobs.js';
import { type Rollups } from './rollups.service.js';

const MINUTE_MS = 60_000;

describe('the job that refreshes rollups', () => {
  /** @param tookMs how long each of its turns takes; null: it fails at once */
  function job(tookMs: readonly (number | null)[]) {
    const clock = new FakeClock(0);
    const at: number[] = [];
    const refresh = (): Promise<number> => {
      const took = tookMs[at.push(clock.now()) - 1] ?? 0;
      clock.advance(took);
      return tookMs[at.length - 1] === null ? Promise.reject(new Error('no database')) : Promise.resolve(1);
    };
    const [first] = rollupJobs({ refresh } as unknown as Rollups, {} as RollupChecks, clock);
    const minutes = async (many: number): Promise<void> => {
      for (let i = 0; i < many; i++) {
        await first!.run(() => true).catch(() => undefined);
        clock.advance(MINUTE_MS - (clock.now() % MINUTE_MS));
      }
    };
    return { clock, minutes, at: () => at.map((ms) => ms / MINUTE_MS) };
  }

  it('runs every minute while that takes seconds', async () => {
    const { minutes, at } = job([2_000, 10_000, 100]);
    await minutes(4);
    expect(at()).toEqual([0, 1, 2, 3]);
  });

  it('rests four times as long as it took, however it ended, and ten minutes at most', async () => {
    const { minutes, at } = job([30_000, null, 10 * MINUTE_MS]);
    await minutes(30);
    expect(at().slice(0, 5)).toEqual([0, 3, 4, 24, 25]);
  });

  it('does not wait for a clock that was set back', async () => {
    const { clock, minutes, at } = job([30_000]);
    await minutes(1);
    clock.advance(-601 * MINUTE_MS);
    await minutes(1);
    expect(at()).toEqual([0, -600]);
  });
});
