import fc from 'fast-check';
import { scanTopLevel } from '../json/top-level.js';
import { cachingRules, PrefixLedger, sentPrompt, type SentPrompt, usageAsSent } from './prefix-ledger.js';

const OPENAI = { onRequest: false, ttlMs: 3_600_000 };
const ANTHROPIC = { onRequest: true, ttlMs: 300_000 };
const prompt = (body: object): SentPrompt => {
  const bytes = Buffer.from(JSON.stringify(body));
  return sentPrompt(bytes, scanTopLevel(bytes)!, 'acme');
};
const long = (text: string): string => text.repeat(3_000);
const chat = (...contents: string[]): object => ({ model: 'm', messages: contents.map((content) => ({ role: 'user', content })) });
const usage = { promptTokens: 5_000, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 100, reasoningTokens: 0 };

describe('the prefix ledger', () => {
  it('knows what share of a prompt was sent before, in time', () => {
    const ledger = new PrefixLedger(0);
    const [first, longer] = [prompt(chat(long('a'))), prompt(chat(long('a'), long('b'), long('c'), long('d')))];
    expect(ledger.see(first, 1_000, 0)).toBe(0);
    const share = ledger.see(longer, 1_000, 500);
    // The first message, and the piece in which they part.
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.6);
    expect(ledger.see(longer, 1_000, 1_400)).toBe(1);
    expect(ledger.see(longer, 1_000, 2_400)).toBe(0);
  });

  it('sees that long texts share a beginning, and that breakpoints are no part of what they stand on', () => {
    const ledger = new PrefixLedger(0);
    ledger.see(prompt(chat(long('a') + long('b'))), 1_000, 0);
    expect(ledger.see(prompt(chat(long('a') + long('c'))), 1_000, 1)).toBeGreaterThan(0.3);
    const marked = (control: object): object => ({ messages: [{ role: 'user', content: [{ type: 'text', text: long('x'), ...control }] }] });
    ledger.see(prompt(marked({ cache_control: { type: 'ephemeral', ttl: '1h' } })), 1_000, 2);
    expect(ledger.see(prompt(marked({})), 1_000, 3)).toBe(1);
  });

  it('is not sure before it has watched for the whole time to live, nor once it had to forget', () => {
    const ledger = new PrefixLedger(1_000, 3);
    expect(ledger.isSure(500, 1_499)).toBe(false);
    expect(ledger.isSure(500, 1_500)).toBe(true);
    for (let at = 1_600; at < 1_604; at++) ledger.see({ names: [`${at}`], bytes: [10] }, 500, at);
    expect(ledger.isSure(500, 2_099)).toBe(false);
    expect(ledger.isSure(500, 2_100)).toBe(true);
  });

  it('never grants less for a shorter absence', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ which: fc.nat(3), afterMs: fc.nat(2_000) }), { maxLength: 30 }), (sent) => {
        const [patient, hasty] = [new PrefixLedger(0), new PrefixLedger(0)];
        let now = 0;
        for (const { which, afterMs } of sent) {
          now += afterMs;
          const one = prompt(chat(long('a'), long('bcde'[which]!)));
          expect(patient.see(one, 2_000, now)).toBeGreaterThanOrEqual(hasty.see(one, 1_000, now));
        }
      }),
    );
  });
});

describe('a usage as the customer sent the call', () => {
  it('has nothing cached where the provider caches on request and was not asked', () => {
    const ours = { ...usage, cachedTokens: 3_000, cacheWriteTokens: 1_000 };
    for (const share of [null, 0, 1]) expect(usageAsSent(ours, ANTHROPIC, false, share)).toEqual(usage);
  });

  it('has read what its own breakpoints ask for as far as it was there, and written the rest', () => {
    const own = { ...usage, cachedTokens: 0, cacheWriteTokens: 4_000 };
    expect(usageAsSent(own, ANTHROPIC, true, null)).toMatchObject({ cachedTokens: 4_000, cacheWriteTokens: 0 });
    expect(usageAsSent(own, ANTHROPIC, true, 1)).toMatchObject({ cachedTokens: 4_000, cacheWriteTokens: 0 });
    expect(usageAsSent(own, ANTHROPIC, true, 0.5)).toMatchObject({ cachedTokens: 2_500, cacheWriteTokens: 1_500 });
    expect(usageAsSent(own, ANTHROPIC, true, 0)).toMatchObject({ cachedTokens: 0, cacheWriteTokens: 4_000 });
  });

  it('has the discount in full where the provider caches by itself and it is not known what it had', () => {
    expect(usageAsSent(usage, OPENAI, false, null)).toMatchObject({ cachedTokens: 4_992, cacheWriteTokens: 0 });
    expect(usageAsSent({ ...usage, promptTokens: 1_023 }, OPENAI, false, null)).toMatchObject({ cachedTokens: 0 });
    expect(usageAsSent({ ...usage, promptTokens: 1_023, cachedTokens: 512 }, OPENAI, false, null)).toMatchObject({ cachedTokens: 512 });
  });

  it('has it in steps of 128 tokens from 1,024 on where that is known', () => {
    expect(usageAsSent(usage, OPENAI, false, 0)).toMatchObject({ cachedTokens: 0 });
    expect(usageAsSent(usage, OPENAI, false, 0.1)).toMatchObject({ cachedTokens: 0 });
    expect(usageAsSent(usage, OPENAI, false, 0.3)).toMatchObject({ cachedTokens: 1_536 });
    expect(usageAsSent(usage, OPENAI, false, 1)).toMatchObject({ cachedTokens: 4_992 });
  });

  it('is always one that can be priced', () => {
    const usages = fc.record({ plain: fc.nat(9_000), cachedTokens: fc.nat(9_000), cacheWriteTokens: fc.nat(9_000) }).map(({ plain, ...cached }) => ({ ...usage, ...cached, promptTokens: plain + cached.cachedTokens + cached.cacheWriteTokens }));
    fc.assert(
      fc.property(usages, fc.constantFrom(OPENAI, ANTHROPIC), fc.boolean(), fc.option(fc.double({ min: 0, max: 1, noNaN: true })), (one, rules, asks, share) => {
        const sent = usageAsSent(one, rules, asks, share);
        expect(sent.cachedTokens).toBeGreaterThanOrEqual(0);
        expect(sent.cachedTokens + sent.cacheWriteTokens).toBeLessThanOrEqual(sent.promptTokens);
        expect({ ...sent, cachedTokens: 0, cacheWriteTokens: 0 }).toEqual({ ...one, cachedTokens: 0, cacheWriteTokens: 0 });
      }),
    );
  });
});

describe('the time to live that is granted', () => {
  it.each([
    ['Anthropic', true, '{}', 'claude-sonnet-4-5', 5],
    ['Anthropic, asked for an hour', true, '{"cache_control":{"ttl":"1h"}}', 'claude-sonnet-4-5', 60],
    ['OpenAI', false, '{}', 'gpt-4o', 60],
    ['OpenAI, where a day is usual', false, '{}', 'gpt-5.1', 1_440],
    ['OpenAI, asked for a day', false, '{"prompt_cache_retention":"24h"}', 'gpt-4.1', 1_440],
    ['Gemini', false, '{}', 'gemini-2.5-flash', 60],
  ])('%s', (_who, onRequest, body, model, minutes) => {
    expect(cachingRules(onRequest, Buffer.from(body), model).ttlMs).toBe(minutes * 60_000);
  });
});
