import fc from 'fast-check';
import { breakEven, BreakpointPlanner, type Breakpoints } from './breakpoints.js';
import { type PromptBlocks } from './prompt-blocks.js';
import { Recurrence } from './recurrence.js';

const TTL_MS = 300_000;
const CLAUDE = { input: 100, cacheRead: 10, cacheWrite: 125 };
/** As many blocks of 4,000 bytes, the first one of tools and system. */
const prompt = (count: number, head = 1): PromptBlocks => ({ head, settings: '', messageSettings: '', blocks: Array.from({ length: count }, (_, index) => ({ start: index * 4_000, end: (index + 1) * 4_000, mark: 'member', label: '' })) });

class Customer {
  readonly recurrence = new Recurrence(TTL_MS);
  private readonly planner: BreakpointPlanner;
  now = 1_000_000;

  constructor(rules: Partial<{ minTokens: number; minRecurrences: number }> = {}, private readonly rates = CLAUDE) {
    this.planner = new BreakpointPlanner(this.recurrence, { minTokens: 1_024, minRecurrences: 1, ...rules });
  }

  private plan(names: readonly string[]): Breakpoints | null {
    return this.planner.plan('s', prompt(names.length), names, this.rates, this.now);
  }

  /** Sends a prompt, and does not wait for the answer. */
  sendAtOnce(names: readonly string[]): readonly number[] {
    return this.plan(names)?.at ?? [];
  }

  /** Sends a prompt and tells where breakpoints went; the provider keeps what it is asked to, or `forgets`. */
  send(names: readonly string[], forgets = false): readonly number[] {
    this.now += 10_000;
    const planned = this.plan(names);
    if (planned === null) return [];
    planned.reads?.decide(!forgets, this.now);
    if (!forgets) for (const sight of planned.marked) sight.liveUntil = this.now + TTL_MS;
    return planned.at;
  }
}

const turns = (session: string, count: number): string[] => ['root', ...Array.from({ length: count }, (_, index) => `${session}${index}`)];

describe('the break-even', () => {
  it('is the chance at which a write is as dear as no write', () => {
    expect(breakEven(CLAUDE)).toBeCloseTo(0.25 / 0.9);
    expect(breakEven({ input: 100, cacheRead: 10, cacheWrite: 100 })).toBe(0);
    expect(breakEven({ input: 100, cacheRead: 100, cacheWrite: 125 })).toBe(Infinity);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.nat(999), fc.nat(2_000), (input, readPpm, more) => {
        const rates = { input, cacheRead: (input * readPpm) / 1_000, cacheWrite: input + more };
        const p = breakEven(rates);
        expect(rates.cacheWrite + p * rates.cacheRead).toBeCloseTo(input + p * input, 6);
      }),
    );
  });
});

describe('breakpoints', () => {
  it('are put where a prefix came again, and on what is new once conversations are seen to go on', () => {
    const customer = new Customer();
    expect(customer.send(turns('a', 1))).toEqual([]);
    expect(customer.send(turns('a', 3))).toEqual([0, 1]);
    // The new part pays as well from here on.
    expect(customer.send(turns('a', 5))).toEqual([0, 3, 5]);
    expect(customer.send(turns('a', 7))).toEqual([0, 5, 7]);
    expect(customer.send(turns('b', 1))).toEqual([0, 1]);
  });

  it('are put on shared instructions alone where no conversation goes on', () => {
    const customer = new Customer();
    expect(customer.send(turns('a', 1))).toEqual([]);
    for (let question = 0; question < 40; question++) expect(customer.send(turns(`q${question}-`, 1))).toEqual([0]);
  });

  it('are not put into a prompt whose prefix came only once, nor one that came again too late', () => {
    const customer = new Customer();
    for (let index = 0; index < 50; index++) expect(customer.send([`system ${index}`, `question ${index}`])).toEqual([]);
    customer.send(turns('a', 1));
    customer.now += TTL_MS;
    expect(customer.send(turns('a', 3))).toEqual([]);
  });

  it('wait for as many recurrences as the policy says', () => {
    const customer = new Customer({ minRecurrences: 3 });
    const sent = Array.from({ length: 5 }, () => customer.send(['root', 'the same']));
    expect(sent.map(({ length }) => length > 0)).toEqual([false, false, false, true, true]);
  });

  it('are left out of prompts that are shorter than the policy says', () => {
    const customer = new Customer({ minTokens: 4_001 });
    for (let again = 0; again < 5; again++) expect(customer.send(['root', 'short'])).toEqual([]);
    expect(new Customer({ minTokens: 4_001 }, CLAUDE).send(turns('a', 3))).toEqual([]);
  });

  it('are left out where the provider gives no discount', () => {
    const customer = new Customer({}, { input: 100, cacheRead: 100, cacheWrite: 100 });
    for (let again = 0; again < 5; again++) expect(customer.send(['root', 'the same'])).toEqual([]);
  });

  it('reach back to what was cached, also over more blocks than the provider looks at', () => {
    const customer = new Customer();
    for (const count of [1, 3, 5]) customer.send(turns('a', count));
    expect(customer.send(turns('a', 60))).toEqual([0, 5, 60]);
    expect(customer.send(turns('a', 62))).toEqual([0, 60, 62]);
  });

  it('stop where pairs are all that comes, after a few premiums in vain', () => {
    const customer = new Customer();
    let paid = 0;
    for (let pair = 0; pair < 200; pair++) {
      for (let twice = 0; twice < 2; twice++) paid += customer.send([`system ${pair}`, `question ${pair}`]).length > 0 ? 1 : 0;
      customer.now += 10_000;
    }
    expect(paid).toBeGreaterThan(0);
    expect(paid).toBeLessThan(10);
  });

  it('stop where the provider does not keep what it was asked to, and are tried again later', () => {
    const customer = new Customer();
    for (const count of [1, 3, 5]) customer.send(turns('a', count));
    let placed = 0;
    for (let count = 7; count < 107; count += 2) {
      const at = customer.send(turns('a', count), true);
      placed += at.length > 0 ? 1 : 0;
      // It says that it has it, and then has not.
      for (const sight of customer.recurrence.see(turns('a', count), customer.now).sights) sight.liveUntil = customer.now + TTL_MS;
    }
    expect(placed).toBeLessThan(12);
    customer.now += 2 * 3_600_000;
    customer.send(turns('a', 1));
    expect(customer.send(turns('a', 3))).not.toEqual([]);
  });

  it('are put on one of many requests that come at once', () => {
    const customer = new Customer();
    let paid = 0;
    for (let burst = 0; burst < 10; burst++) {
      for (let index = 0; index < 20; index++) paid += customer.sendAtOnce(['root', `question ${burst} ${index}`]).length > 0 ? 1 : 0;
      customer.now += 2 * TTL_MS;
    }
    expect(paid).toBeLessThanOrEqual(10);
  });

  it('are at most four, rising, on blocks that take one, whatever is sent', () => {
    const sessions = fc.array(fc.record({ session: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 1, max: 60 }), pauseMs: fc.nat(400_000), forgets: fc.boolean() }), { maxLength: 60 });
    fc.assert(
      fc.property(sessions, (sent) => {
        const customer = new Customer();
        for (const { session, count, pauseMs, forgets } of sent) {
          customer.now += pauseMs;
          const at = customer.send(turns(session, count), forgets);
          expect(at.length).toBeLessThanOrEqual(4);
          expect([...at].sort((a, b) => a - b)).toEqual(at);
          expect(at.every((index) => index >= 0 && index <= count)).toBe(true);
        }
      }),
    );
  });

  it('are decided in bounded memory', () => {
    const recurrence = new Recurrence(TTL_MS, 100);
    for (let index = 0; index < 1_000; index++) recurrence.see([`a${index}`, `b${index}`], index);
    expect(recurrence.size).toBeLessThanOrEqual(102);
    recurrence.see(['last'], 10 * TTL_MS);
    expect(recurrence.size).toBe(1);
  });
});
