import { llmConfig, llmEnvSchema, ProviderRegistry, type Target } from '@apex/llm';
import fc from 'fast-check';
import { TargetBoard } from './target-board.js';
import { TargetHealth, type TargetVerdict } from './target-health.js';

const registry = new ProviderRegistry(llmConfig(llmEnvSchema.parse({ APEX_PROVIDERS: '[{"name":"groq","maxConcurrent":2},{"name":"openrouter"}]' })).providers);
const candidate = (model: string, weight = 1, isFallback = false) => {
  const target: Target = registry.resolve(model)!;
  return { target, weight, isFallback };
};
const failed: TargetVerdict = { kind: 'failed' };
const healthy: TargetVerdict = { kind: 'healthy' };

describe('TargetHealth', () => {
  const afterFailures = (count: number): TargetHealth => {
    const health = new TargetHealth();
    for (let i = 0; i < count; i++) {
      health.begin();
      health.end(failed, 0);
    }
    return health;
  };

  it('opens after a row of failures, takes one probe after the pause, and closes when that is well', () => {
    const health = afterFailures(20);
    expect(health.available(999, 10)).toBe(false);
    expect(health.available(1_000, 10)).toBe(true);
    health.begin();
    expect(health.available(1_000, 10)).toBe(false);
    health.end(healthy, 1_100);
    expect(health.available(1_100, 10)).toBe(true);
    expect(health.score(1_100)).toBe(1);
  });

  it('tells what its breaker is', () => {
    const health = new TargetHealth();
    expect(health.state(0)).toBe('closed');
    const opened = afterFailures(20);
    expect([opened.state(0), opened.state(999), opened.state(1_000)]).toEqual(['open', 'open', 'half_open']);
    opened.begin();
    opened.end(healthy, 1_100);
    expect(opened.state(1_100)).toBe('closed');
  });

  it('waits twice as long after each probe that fails', () => {
    const health = afterFailures(20);
    for (const [at, pause] of [[1_000, 2_000], [3_000, 4_000], [7_000, 8_000]] as const) {
      health.begin();
      health.end(failed, at);
      expect(health.availableIn(at)).toBe(pause);
    }
  });

  it('a probe whose client left says nothing: the next one may try', () => {
    const health = afterFailures(20);
    health.begin();
    health.end({ kind: 'unknown' }, 1_000);
    expect(health.available(1_000, 10)).toBe(true);
  });

  it('opens at half of the requests failing, once there are enough of them', () => {
    const health = new TargetHealth();
    for (let i = 0; i < 20; i++) {
      expect(health.available(0, 10)).toBe(true);
      health.begin();
      health.end(i % 2 === 0 ? healthy : failed, 0);
    }
    expect(health.available(0, 10)).toBe(false);
  });

  it('forgets', () => {
    const health = afterFailures(10);
    expect(health.score(0)).toBe(0);
    for (let i = 0; i < 3; i++) {
      health.begin();
      health.end(healthy, 60_000);
    }
    expect(health.score(60_000)).toBeGreaterThan(0.9);
  });

  it('never lets more through than are allowed at once, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('begin', 'failed', 'healthy', 'unknown'), { maxLength: 200 }), (steps) => {
        const health = new TargetHealth();
        let running = 0;
        for (const [now, step] of steps.entries()) {
          if (step === 'begin') {
            if (!health.available(now * 100, 3)) continue;
            health.begin();
            running++;
          } else if (running > 0) {
            health.end({ kind: step as 'failed' }, now * 100);
            running--;
          }
          expect(running).toBeLessThanOrEqual(3);
        }
      }),
    );
  });
});

describe('TargetBoard', () => {
  const a = candidate('groq/m');
  const b = candidate('openrouter/m');
  const backup = candidate('gpt-4o', 1, true);

  it('shares requests by weight', () => {
    const board = new TargetBoard();
    let seed = 1;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const heavy = candidate('openrouter/m', 3);
    let first = 0;
    for (let i = 0; i < 4_000; i++) if (board.order([a, heavy], 0, random)[0] === heavy) first++;
    expect(first / 4_000).toBeCloseTo(0.75, 1);
  });

  it('puts fallbacks last, and what has asked for a pause behind them', () => {
    const board = new TargetBoard();
    expect(board.order([backup, a], 0, Math.random)).toEqual([a, backup]);
    board.begin(a.target)({ kind: 'saturated', retryAfterMs: 5_000 }, 0);
    expect(board.order([a, backup], 0, Math.random)).toEqual([backup, a]);
    expect(board.order([a, backup], 5_000, Math.random)).toEqual([a, backup]);
  });

  it('leaves out what is full, and says when to come again', () => {
    const board = new TargetBoard();
    const ends = [board.begin(a.target), board.begin(a.target)];
    expect(board.order([a, b], 0, Math.random)).toEqual([b]);
    expect(board.order([a], 0, Math.random)).toEqual([]);
    expect(board.retryAfterSeconds([a], 0)).toBe(1);
    ends[0]!(healthy, 0);
    expect(board.order([a], 0, Math.random)).toEqual([a]);
  });

  it('troubles only what is well with a request that another has: no pause asked for, no breaker, not full', () => {
    const board = new TargetBoard();
    expect(board.isWell(a, 0)).toBe(true);
    board.begin(a.target)({ kind: 'saturated', retryAfterMs: 5_000 }, 0);
    expect([board.isAvailable(a, 0), board.isWell(a, 0), board.isWell(a, 5_000)]).toEqual([true, false, true]);
    const ends = [board.begin(a.target), board.begin(a.target)];
    expect(board.isWell(a, 5_000)).toBe(false);
    for (const end of ends) end(healthy, 5_000);
    for (let i = 0; i < 20; i++) board.begin(a.target)(failed, 5_000);
    expect([board.isAvailable(a, 120_000), board.isWell(a, 120_000)]).toEqual([true, false]);
  });

  it('a target that is down says nothing against another', () => {
    const board = new TargetBoard();
    for (let i = 0; i < 20; i++) board.begin(a.target)(failed, 0);
    expect(board.isAvailable(a, 0)).toBe(false);
    expect(board.isAvailable(candidate('groq/other'), 0)).toBe(true);
  });
});
