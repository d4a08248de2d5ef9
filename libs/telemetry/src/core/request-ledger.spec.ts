import fc from 'fast-check';
import { type RequestObservation, RequestLedger, SECONDS, type Series } from './request-ledger.js';

const observation = (part: Partial<RequestObservation> = {}): RequestObservation => ({
  surface: 'chat.completions',
  path: 'gateway',
  provider: 'openai',
  status: 'final',
  httpStatus: 200,
  stream: false,
  durationMs: 10,
  firstByteMs: 5,
  attempts: 1,
  promptTokens: 3,
  completionTokens: 4,
  costPicodollars: 100,
  pricing: 'priced',
  ...part,
});
const requestsOf = ({ requests }: Series) => [...requests.values()].flatMap((byHttpStatus) => [...byHttpStatus.values()]).reduce((a, b) => a + b);
const seriesOf = (ledger: RequestLedger) => [...ledger.series()];

describe('RequestLedger', () => {
  it('adds up what it is told', () => {
    const ledger = new RequestLedger();
    const told = fc.record<RequestObservation>({
      surface: fc.constantFrom('chat.completions', 'embeddings'),
      path: fc.constantFrom('gateway', 'direct'),
      provider: fc.constantFrom('openai', 'groq', null),
      status: fc.constantFrom('final', 'failed', 'aborted', 'interrupted', 'denied'),
      httpStatus: fc.constantFrom(200, 429, 500, null),
      stream: fc.boolean(),
      durationMs: fc.nat(400_000),
      firstByteMs: fc.option(fc.nat(400_000), { nil: null }),
      attempts: fc.nat(3),
      promptTokens: fc.nat(10_000),
      completionTokens: fc.nat(10_000),
      costPicodollars: fc.nat(1_000_000_000),
      pricing: fc.constantFrom('priced', 'unpriced', 'none'),
    });
    const all = fc.sample(told, 2_000);
    for (const one of all) ledger.observe(one);
    const sum = (pick: (one: RequestObservation) => number) => all.reduce((total, one) => total + pick(one), 0);
    const total = (pick: (series: ReturnType<typeof seriesOf>[number]) => number) => seriesOf(ledger).reduce((sofar, series) => sofar + pick(series), 0);
    expect(total(requestsOf)).toBe(2_000);
    expect(total((s) => s.promptTokens)).toBe(sum((o) => o.promptTokens));
    expect(total((s) => s.completionTokens)).toBe(sum((o) => o.completionTokens));
    expect(total((s) => s.costPicodollars)).toBe(sum((o) => o.costPicodollars));
    expect(total((s) => s.attempts)).toBe(sum((o) => o.attempts));
    expect(total((s) => s.unpriced)).toBe(all.filter((o) => o.pricing === 'unpriced').length);
    expect(total((s) => s.duration.sumMs)).toBe(sum((o) => o.durationMs));
    expect(total((s) => s.duration.counts.reduce((a, b) => a + b))).toBe(2_000);
    expect(total((s) => s.firstByte.counts.reduce((a, b) => a + b))).toBe(all.filter((o) => o.firstByteMs !== null).length);
    expect(seriesOf(ledger).length).toBeLessThanOrEqual(24);
  });

  it('puts a duration under the first bound that is not below it', () => {
    const ledger = new RequestLedger();
    for (const durationMs of [-5, 0, 5, 5.1, 300_000, 300_001]) ledger.observe(observation({ durationMs }));
    const [series] = seriesOf(ledger);
    expect([...(series?.duration.counts ?? [])]).toEqual([3, 1, ...Array<number>(SECONDS.length - 3).fill(0), 1, 1]);
  });

  it('stays bounded whatever labels come', () => {
    const ledger = new RequestLedger();
    for (let index = 0; index < 2_000; index++) ledger.observe(observation({ provider: `p${index}` }));
    expect(seriesOf(ledger).length).toBe(513);
    expect(seriesOf(ledger).at(-1)?.labels).toEqual({ surface: 'other', path: 'other', provider: 'other', stream: 'other' });
    const openai = new RequestLedger();
    for (let index = 0; index < 2_000; index++) openai.observe(observation({ httpStatus: index }));
    const [series] = seriesOf(openai);
    expect(series?.requests.get('final')?.size).toBe(64);
    expect(requestsOf(series as Series)).toBe(2_000);
  });
});
