import { type ChatModel, findModel } from './catalogue.js';
import { longestAnswer, usageAt } from './engine.js';
import { type Answer } from './generation.js';
import { timeOf, timelineOf, tokensAt } from './latency.js';
import { NO_TOKENS } from './ledger.js';
import { randomFrom } from './random.js';

const model = findModel('gpt-4o') as ChatModel;
const answer = (reasoningTokens: number, visibleTokens: number): Answer => ({ reasoningTokens, visibleTokens, steps: [], finish: 'stop', stopSequence: null });

describe('latency', () => {
  it('is the model\'s, within the jitter, the same for the same seed, and scales with speed', () => {
    const timeline = timelineOf(model, 0, randomFrom(1), 1);
    expect(timeline).toEqual(timelineOf(model, 0, randomFrom(1), 1));
    expect(timeline.firstTokenMs).toBeGreaterThanOrEqual(0.8 * model.firstTokenMs);
    expect(timeline.firstTokenMs).toBeLessThanOrEqual(1.2 * model.firstTokenMs);
    expect(timelineOf(model, 0, randomFrom(1), 0.5).perTokenMs).toBeCloseTo(timeline.perTokenMs / 2);
    expect(timelineOf(model, 10_000, randomFrom(1), 1).firstTokenMs).toBeGreaterThan(timeline.firstTokenMs);
  });

  it('tells how far generation has come, and when a token is there', () => {
    const timeline = { firstTokenMs: 100, perTokenMs: 10 };
    expect([0, 99, 100, 109, 110, 200].map((ms) => tokensAt(timeline, ms))).toEqual([0, 0, 1, 1, 2, 11]);
    for (const token of [1, 2, 50]) expect(tokensAt(timeline, timeOf(timeline, token))).toBe(token);
  });

  it('bills by the clock: thinking first, all answers at once, never more than there is', () => {
    const timeline = { firstTokenMs: 100, perTokenMs: 10 };
    const prompt = { ...NO_TOKENS, promptTokens: 9 };
    const answers = [answer(5, 10), answer(0, 3)];
    const bill = (ms: number): number[] => {
      const usage = usageAt(prompt, answers, timeline, ms);
      return [usage.promptTokens, usage.completionTokens, usage.reasoningTokens];
    };
    expect(bill(50)).toEqual([9, 0, 0]);
    expect(bill(110)).toEqual([9, 4, 2]);
    expect(bill(160)).toEqual([9, 10, 5]);
    expect(bill(timeOf(timeline, longestAnswer(answers)))).toEqual([9, 18, 5]);
    expect(bill(1e9)).toEqual([9, 18, 5]);
  });
});
