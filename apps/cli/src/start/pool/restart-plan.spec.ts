import { RestartPlan, RESTART_RULES } from './restart-plan.js';

describe('RestartPlan', () => {
  const rules = { minPauseMs: 100, maxPauseMs: 1_000, settledMs: 60_000, limit: 3 };

  it('waits twice as long after each end in a row, up to a bound', () => {
    const plan = new RestartPlan(rules);
    expect([0, 10, 0, 59_999, 0, 0].map((served) => plan.ended(served))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('begins anew with one that has served for a while', () => {
    const plan = new RestartPlan(rules);
    for (let i = 0; i < 5; i += 1) plan.ended(0);
    expect(plan.failing).toBe(true);
    expect(plan.ended(60_000)).toBe(100);
    expect(plan.failing).toBe(false);
  });

  it('counts one as failing from the limit on, until one has served for a while', () => {
    const plan = new RestartPlan(rules);
    const failing = Array.from({ length: 4 }, () => (plan.ended(0), plan.failing));
    expect(failing).toEqual([false, false, true, true]);
    plan.ended(60_000);
    expect(plan.failing).toBe(false);
  });

  it('never overflows into a pause of no length', () => {
    const plan = new RestartPlan(RESTART_RULES);
    const pauses = Array.from({ length: 5_000 }, () => plan.ended(0));
    expect([pauses[0], pauses.at(-1)]).toEqual([200, 30_000]);
  });
});
