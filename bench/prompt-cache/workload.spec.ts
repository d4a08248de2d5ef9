import { type Receipt } from '@apex/usage';
import { type Replayed, replay } from './replay.js';
import { agentWorkload, singleQuestions, type Style, unlikePrompts } from './workload.js';

const claimed = (receipts: readonly Receipt[]): number => receipts.reduce((sum, { shares }) => sum + (shares.prompt_cache ?? 0), 0);
const captured = ({ uncachedPd, paidPd, optimumPd }: Replayed): number => (uncachedPd - paidPd) / optimumPd;
const styles: Style[] = ['anthropic', 'openai'];

describe('agents that work turn by turn behind one long prefix', () => {
  it.each(styles)('save within 5 % of the best that hindsight could, at prices like those of %s', async (style) => {
    const replayed = await replay(style, agentWorkload(style), { promptCache: true });
    expect(replayed.records).toHaveLength(120);
    expect(replayed.records.every(({ status, http_status: http }) => status === 'final' && http === 200)).toBe(true);
    expect(captured(replayed)).toBeGreaterThan(0.95);
    expect(captured(replayed)).toBeLessThanOrEqual(1);
  });

  it('are credited with what the provider would have billed without breakpoints, to the picodollar', async () => {
    const workload = agentWorkload('anthropic');
    const [treated, untouched] = [await replay('anthropic', workload, { promptCache: true }), await replay('anthropic', workload, { promptCache: false })];
    expect(untouched.paidPd).toBe(treated.uncachedPd);
    expect(claimed(treated.receipts)).toBe(untouched.paidPd - treated.paidPd);
    for (const { shares, overheadPd, baselinePd, actualPd, savingPd } of treated.receipts) {
      expect((shares.prompt_cache ?? 0) + overheadPd).toBe(baselinePd - actualPd);
      expect(savingPd).toBe(baselinePd - actualPd);
    }
    // A premium that has not come back yet is a loss, and is told as one.
    expect(treated.receipts.some(({ savingPd }) => savingPd < 0)).toBe(true);
    expect(treated.headers.filter((headers) => headers['x-apex-mechanism'] === 'prompt_cache')).toHaveLength(treated.receipts.filter(({ inputs }) => inputs.steps.length > 0).length);
  });

  it('are credited with nothing where the provider caches by itself: a key only says where', async () => {
    const { receipts, bodies, sent } = await replay('openai', agentWorkload('openai'), { promptCache: true });
    expect(receipts.every(({ savingPd, inputs }) => savingPd === 0 && inputs.steps.length === 0)).toBe(true);
    const keys = new Set(bodies.map((body) => (JSON.parse(body.toString()) as { prompt_cache_key: string }).prompt_cache_key));
    // One for all of them, until there are more than one place takes; from then on one for each conversation.
    expect(keys.size).toBeGreaterThan(1);
    expect(keys.size).toBeLessThanOrEqual(1 + 12);
    bodies.forEach((body, index) => expect(body.toString().replace(/"prompt_cache_key":"apex-[0-9a-f]{32}",/, '')).toBe(sent[index]!.toString()));
  });
});

describe('prompts without a recurring prefix', () => {
  it.each(styles)('cost what they cost without the mechanism, at prices like those of %s', async (style) => {
    const workload = unlikePrompts(style);
    const [treated, untouched] = [await replay(style, workload, { promptCache: true }), await replay(style, workload, { promptCache: false })];
    expect(treated.records.map(({ cost_pd: pd }) => pd)).toEqual(untouched.records.map(({ cost_pd: pd }) => pd));
    if (style === 'anthropic') expect(treated.bodies).toEqual(treated.sent);
  });
});

describe('single questions behind shared instructions', () => {
  it('have the instructions cached, and not the questions', async () => {
    const replayed = await replay('anthropic', singleQuestions('anthropic'), { promptCache: true });
    expect(captured(replayed)).toBeGreaterThan(0.95);
    expect(replayed.records.filter(({ cache_write_tokens: written }) => written > 0)).toHaveLength(1);
  });
});

describe('controls', () => {
  it.each(styles)('reach the provider byte for byte as they were sent, in the style of %s', async (style) => {
    const { bodies, sent, receipts } = await replay(style, agentWorkload(style, { sessions: 3, turns: 4 }), { promptCache: true, controlPpm: 1_000_000 });
    expect(receipts.every(({ inputs }) => inputs.arm === 'control')).toBe(true);
    expect(bodies).toEqual(sent);
  });
});
