import { createHash, createHmac } from 'node:crypto';
import { statementHash } from '@apex/billing';
import { canonicalJson } from '@apex/usage';
import { ClosedStatement, Dice, FakeBooks, someInputs, terms } from './books.fakes.js';
import { verify } from './verify.js';

const DAY = 86_400_000;
const [SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER] = ['2026-09-01T00:00:00.000Z', '2026-10-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'];
const DEAR = 5_000_000_000_000;

const encode = (lines: readonly string[]): Uint8Array[] => lines.map((line) => Buffer.from(line));
const findingsOf = async (one: ClosedStatement, previous: ClosedStatement | null = null): Promise<readonly string[]> => (await verify(one.file, encode(one.lines), previous?.file)).findings;

/** Two or three periods with late receipts and facts, and anything in their terms. */
function someHistory(seed: number): ClosedStatement[] {
  const dice = new Dice(seed);
  const books = new FakeBooks(dice);
  const edges = [SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER];
  const closed: ClosedStatement[] = [];
  const known: ReturnType<FakeBooks['add']>[] = [];
  for (let period = 0; period < 2; period++) {
    const [start, end] = [edges[period]!, edges[period + 1]!];
    for (let count = dice.roll(5); count > 0; count--) known.push(books.add(Date.parse(start) - (period > 0 && dice.roll(4) === 0 ? 10 * DAY : 0) + dice.roll(30 * DAY), someInputs(dice, dice.roll(3) === 0 ? { spent: [{ kind: 'attempt', id: dice.hex(8), costPd: dice.roll(2) * DEAR }] } : {})));
    for (let count = dice.roll(3); count > 0 && known.length > 0; count--) {
      books.adjust(dice.pick(known), dice.roll(2) === 0 ? { kind: 'void', reason: dice.pick(['judged_worse', 'rejected']) } : { kind: 'spent', spending: { kind: 'shadow', id: dice.hex(4), costPd: dice.roll(DEAR) } });
    }
    closed.push(
      books.close(start, end, {
        terms: terms({ vbpBilled: dice.roll(5) > 0, vbpRatePpm: dice.pick([200_000, 123_457]), platformFeePicodollars: dice.pick(['0', '500000000000000']) }),
        creditPd: BigInt(dice.pick([0, 0, 2 * DEAR, -5])),
        passThrough: dice.roll(3) === 0 ? [{ periodStart: start, periodEnd: end, statedPicodollars: '0', lines: [{ provider: 'openai', model: 'gpt-4o', attempts: 3, costPicodollars: String(dice.roll(DEAR)) }] }] : [],
      }, closed.at(-1) ?? null),
    );
  }
  return closed;
}

describe('the verifier of statements', () => {
  it('agrees with a thousand statements', async () => {
    const states = new Set<string>();
    for (let seed = 1; seed <= 500; seed++) {
      let previous: ClosedStatement | null = null;
      for (const one of someHistory(seed)) {
        expect({ seed, findings: await findingsOf(one, previous) }).toEqual({ seed, findings: [] });
        const { invoice, billing, corrections, terms: agreed } = one.document;
        if (invoice.chargedCents > 0) states.add('charged');
        if (invoice.creditCents > 0) states.add('credit');
        if (invoice.lines.some((line) => BigInt(line.carriedForwardPicodollars) > 0n)) states.add('carried');
        if (BigInt(billing.broughtForwardPicodollars) < 0n) states.add('loss');
        if (corrections.receipts > 0) states.add('corrections');
        if (billing.carriedIn.length > 0) states.add('pooled');
        if (!agreed.vbpBilled) states.add('unbilled');
        if (one.lines.length === 0) states.add('empty');
        previous = one;
      }
    }
    expect([...states].sort()).toEqual(['carried', 'charged', 'corrections', 'credit', 'empty', 'loss', 'pooled', 'unbilled']);
  });

  it('rejects a thousand files of which one byte was changed', async () => {
    const dice = new Dice(7);
    const accepted: unknown[] = [];
    for (let change = 0; change < 1_000; ) {
      const one = someHistory(1_000 + change).at(-1)!;
      const inStatement = one.lines.length === 0 || dice.roll(2) === 0;
      const text = inStatement ? one.file : Buffer.from(one.lines.join('\n'));
      // Each of the history's files is changed in several places, to spare making as many histories.
      for (let again = 0; again < 5; again++, change++) {
        const bytes = Buffer.from(text);
        const at = dice.roll(bytes.length);
        bytes[at] = (bytes[at]! + 1 + dice.roll(255)) % 256;
        const lines = inStatement ? encode(one.lines) : splitLines(bytes);
        const { findings } = await verify(inStatement ? bytes : one.file, lines);
        if (findings.length === 0) accepted.push({ change, at, inStatement, was: text[at], is: bytes[at] });
      }
    }
    expect(accepted).toEqual([]);
  });

  it.each([
    ['billing.vbpPicodollars', (d: Editable) => (d.billing.vbpPicodollars = '1'), 'billing.vbpPicodollars: says "1", is "'],
    ['a receipt’s count', (d: Editable) => d.savings.receipts++, 'savings.receipts: says'],
    ['a rounding', (d: Editable) => d.invoice.lines[0]!.cents++, 'invoice.lines.0.cents: says'],
    ['a mechanism’s sum', (d: Editable) => (d.savings.models[0]!.mechanisms[0]!.savingPicodollars = '9'), 'savings.models.0.mechanisms.0.savingPicodollars: says "9"'],
    ['the root', (d: Editable) => (d.receipts.merkleRoot = 'ab'.repeat(32)), 'receipts.merkleRoot: says'],
    ['a member that nobody knows', (d: Editable) => (d.invoice['discount'] = 'none'), 'invoice.discount: is not part of the format'],
    ['a member that is left out', (d: Editable) => delete d['passThrough'], 'passThrough is not a list'],
    ['the currency', (d: Editable) => (d['currency'] = 'eur'), 'currency: is not usd'],
    ['the rate', (d: Editable) => (d.terms.vbpRatePpm = 250_000), 'billing.vbpPicodollars: says'],
  ])('says which figure is wrong, whoever wrote the hash anew: %s', async (_name, edit, finding) => {
    const dice = new Dice(11);
    const books = new FakeBooks(dice);
    for (let i = 0; i < 5; i++) books.add(Date.parse(OCTOBER) + i * DAY, exactHit(dice));
    const honest = books.close(OCTOBER, NOVEMBER, { terms: terms() });
    const document = structuredClone(honest.document) as unknown as Editable;
    edit(document);
    const findings = await findingsOf(new ClosedStatement(document as unknown as ClosedStatement['document'], honest.lines));
    expect(findings.join('\n')).toContain(finding);
  });

  it('misses a receipt that is left out, put in twice or moved, and one of another customer', async () => {
    const dice = new Dice(12);
    const books = new FakeBooks(dice);
    for (let i = 0; i < 4; i++) books.add(Date.parse(OCTOBER) + i * DAY, someInputs(dice));
    const one = books.close(OCTOBER, NOVEMBER, { terms: terms() });
    const [a, b, c, d] = one.lines as [string, string, string, string];
    expect((await verify(one.file, encode([a, b, c]))).findings.join()).toContain('receipts.leaves: says 4, is 3');
    expect((await verify(one.file, encode([a, b, b, c, d]))).findings.join()).toContain('line 3: requests are not in the order of their ids');
    expect((await verify(one.file, encode([b, a, c, d]))).findings.join()).toContain('line 2: requests are not in the order of their ids');
    expect((await verify(one.file, encode([a, b, c, d.replace('"acme"', '"evil"')]))).findings.join()).toContain('line 4: it is another customer’s');
  });

  it('assigns the arms again with the secret that was published', async () => {
    const secret = createHash('sha256').update('secret').digest();
    const books = new FakeBooks(new Dice(13));
    const dice = new Dice(14);
    const armOf = (cluster: string) => (Number.parseInt(createHmac('sha256', secret).update(cluster).digest('hex').slice(0, 12), 16) < Math.ceil(0.05 * 2 ** 48) ? 'control' as const : 'treated' as const);
    for (let i = 0; i < 60; i++) {
      const cluster = dice.hex(32);
      books.add(Date.parse(OCTOBER) + DAY + i * 1_000, someInputs(dice, { cluster, arm: armOf(cluster) }));
    }
    const months = [{ month: '2026-10', secretHash: createHash('sha256').update(secret).digest('hex'), secret: secret.toString('hex') }];
    const honest = books.close(OCTOBER, NOVEMBER, { terms: terms(), months });
    expect(await verify(honest.file, encode(honest.lines))).toMatchObject({ findings: [], armsChecked: 60 });
    const cluster = Array.from({ length: 99 }, () => dice.hex(32)).find((one) => armOf(one) === 'treated')!;
    books.add(Date.parse(OCTOBER) + 2 * DAY, someInputs(dice, { cluster, arm: 'control' }));
    const wrong = books.close(OCTOBER, NOVEMBER, { terms: terms(), months });
    expect((await findingsOf(wrong)).join()).toContain(`line 61: its arm is 'control', and the secret assigns 'treated'`);
    const other = books.close(OCTOBER, NOVEMBER, { terms: terms(), months: [{ ...months[0]!, secret: 'ab'.repeat(32) }] });
    expect((await findingsOf(other)).join()).toContain('the secret of 2026-10 is not the one whose hash was published');
  });

  it.each([
    ['one that proves its savings', 400, 1, 'proven'],
    ['one that is too wide', 400, 40, 'too_wide'],
    ['one with so many controls that fewer draws do', 2_004, 1, 'proven'],
  ])('computes an experiment again: %s', async (_name, conversations, scatter, proof) => {
    const dice = new Dice(15);
    const books = new FakeBooks(dice);
    for (let i = 0; i < conversations; i++) {
      const arm = i % (conversations > 400 ? 2 : 5) === 0 ? ('control' as const) : ('treated' as const);
      const model = dice.pick(['gpt-4o', 'gpt-4o', 'rare']);
      const cluster = dice.hex(32);
      const promptCostPd = 1_000_000_000 + dice.roll(1_000_000_000);
      for (let turn = conversations > 400 ? 0 : dice.roll(3); turn >= 0; turn--) {
        const costPd = promptCostPd + dice.roll(100_000_000 * scatter) * (dice.roll(10) === 0 ? scatter : 1);
        const rates = { input: 1_000_000, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, request: 0, denominator: 1, priceVersion: 'p' };
        const usage = { promptTokens: Math.ceil(costPd / 1_000_000), cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };
        const treated = arm === 'treated';
        books.add(Date.parse(OCTOBER) + dice.roll(30 * DAY), {
          ...someInputs(dice),
          requestedModel: model,
          arm,
          cluster,
          covariates: { promptCostPd, requestedModel: model, maxTokens: dice.pick([null, 100, 1_000]) },
          baseline: { usage, rates },
          steps: treated ? [{ mechanism: 'routing', usage, rates: { ...rates, input: 300_000 } }] : [],
          lengthRatioPpm: 1_000_000,
          spent: [{ kind: 'attempt', id: dice.hex(12), costPd: treated ? Math.floor(costPd * 0.3) : costPd }],
          voidReason: null,
        });
      }
    }
    const one = books.close(OCTOBER, NOVEMBER, { terms: terms() });
    expect(one.document.billing.proof).toBe(proof);
    expect(await findingsOf(one)).toEqual([]);
    // A lower end that is off by a millionth of the estimate is told.
    const estimate = one.document.experiment.estimate!;
    const low = BigInt(estimate.lowPicodollars);
    const document = { ...one.document, experiment: { ...one.document.experiment, estimate: { ...estimate, lowPicodollars: String(low + BigInt(estimate.savingPicodollars) / 1_000_000n) } } };
    expect((await findingsOf(new ClosedStatement(document, one.lines))).join()).toContain('experiment.estimate.lowPicodollars');
  });

  it('takes from the statement before what it is to take from it', async () => {
    const [first, second] = someHistory(3) as [ClosedStatement, ClosedStatement];
    const document = structuredClone(second.document) as unknown as Editable;
    document['previous'] = { id: first.id, hash: 'ab'.repeat(32) };
    const wrong = new ClosedStatement(document as unknown as ClosedStatement['document'], second.lines);
    expect((await findingsOf(wrong, first)).join()).toContain('previous: says');
    expect(statementHash(second.document)).toBe(second.hash);
  });

  it('knows what is no statement', async () => {
    const findings = async (text: string) => (await verify(Buffer.from(text), [])).findings.join();
    expect(await findings('{')).toBe('the statement is not JSON in UTF-8');
    expect(await findings('[]')).toBe('the statement is not a JSON object');
    expect(await findings('{ }')).toContain('not canonical');
    expect(await findings('{}')).toBe('document is not an object');
    expect(await findings(canonicalJson({ document: {}, hash: '' }))).toContain('its hash is not that of its document');
  });
});

interface Editable {
  [name: string]: unknown;
  billing: { vbpPicodollars: string };
  savings: { receipts: number; models: Array<{ mechanisms: Array<{ savingPicodollars: string }> }> };
  invoice: { [name: string]: unknown; lines: Array<{ cents: number }> };
  receipts: { merkleRoot: string };
  terms: { vbpRatePpm: number };
}

/** A hit of the exact cache that saves about fifty cents. */
const exactHit = (dice: Dice) => {
  const rates = { input: 250_000_000, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, request: 0, denominator: 1, priceVersion: 'p' };
  const usage = { promptTokens: 2_000, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };
  return someInputs(dice, { arm: 'treated', requestedModel: 'dear', baseline: { usage, rates }, steps: [{ mechanism: 'exact_cache', usage, rates: null }], spent: [], voidReason: null });
};

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; from = at + 1, at = bytes.indexOf(0x0a, from)) lines.push(bytes.subarray(from, at));
  return [...lines, bytes.subarray(from)];
}
