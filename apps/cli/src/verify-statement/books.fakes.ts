import { type PreviousStatement, receiptLine, StatementBuilder, type StatementDocument, type StatementFacts, statementHash } from '@apex/billing';
import { sha256 } from '@apex/common';
import { type AdjustmentFact, canonicalJson, computeReceipt, type Receipt, type ReceiptInputs, type SealedReceipt } from '@apex/usage';
import { sfc32 } from './sfc32.js';

export const CUSTOMER = 'acme';
const POLICY = '01956c00-0000-7000-8000-00000000beef';

/** Random numbers of a test: the same for a seed. */
export class Dice {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = sfc32(seed);
  }

  /** A whole number in [0, below). */
  roll(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.roll(items.length)]!;
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.roll(16).toString(16)).join('');
  }
}

/** A customer's chain as the writer makes it, without a database, and statements over it. */
export class FakeBooks {
  private readonly sealed: SealedReceipt[] = [];
  private seq = 0;
  private prevHash = '0'.repeat(64);
  private ids = 0;

  constructor(private readonly dice: Dice) {}

  add(at: number, inputs: ReceiptInputs): Receipt {
    const hex = at.toString(16).padStart(12, '0');
    const requestId = `${hex.slice(0, 8)}-${hex.slice(8)}-7${(this.ids++ % 4_096).toString(16).padStart(3, '0')}-8${this.dice.hex(3)}-${this.dice.hex(12)}`;
    const recorded = computeReceipt(requestId, CUSTOMER, inputs);
    this.sealed.push({ recorded, link: this.link('receipt', requestId, canonicalJson({ ...recorded, type: 'receipt' })), adjustments: [] });
    return recorded;
  }

  adjust({ requestId }: Receipt, fact: AdjustmentFact): void {
    const index = this.sealed.findIndex(({ recorded }) => recorded.requestId === requestId);
    const known = this.sealed[index]!;
    const id = `01956c00-0000-7${this.dice.hex(3)}-8${this.dice.hex(3)}-${this.dice.hex(12)}`;
    const link = this.link('adjustment', id, canonicalJson({ type: 'adjustment', id, requestId, customerId: CUSTOMER, fact }));
    this.sealed[index] = { ...known, adjustments: [...known.adjustments, { id, fact, link }] };
  }

  /** What `Statements` would close now. */
  close(start: string, end: string, facts: Partial<StatementFacts> & Pick<StatementFacts, 'terms'>, previous: PreviousStatement | null = null): ClosedStatement {
    const builder = new StatementBuilder(CUSTOMER, { start: new Date(start), end: new Date(end) }, previous, facts.terms.vbpBilled);
    const from = builder.from.getTime();
    const lines: string[] = [];
    for (const one of this.sealed.toSorted((a, b) => (a.recorded.requestId < b.recorded.requestId ? -1 : 1))) {
      const at = Number.parseInt(one.recorded.requestId.replace('-', '').slice(0, 12), 16);
      const isNew = [one.link, ...one.adjustments.map(({ link }) => link)].some(({ seq }) => seq > builder.afterSeq);
      if (at >= Date.parse(end) || (at < from && !isNew)) continue;
      builder.add(one);
      lines.push(receiptLine(one));
    }
    const document = builder.finish({
      id: `01956c00-0000-7000-8000-${this.dice.hex(12)}`,
      closedAt: new Date(Date.parse(end) + 72 * 3_600_000),
      chain: { to: this.seq, head: this.prevHash },
      months: [],
      controlPpmOf: new Map([[POLICY, 50_000]]),
      bvm: [],
      passThrough: [],
      creditPd: 0n,
      ...facts,
    });
    return new ClosedStatement(document, lines);
  }

  private link(kind: string, id: string, content: string): SealedReceipt['link'] {
    const prevHash = this.prevHash;
    const seq = ++this.seq;
    this.prevHash = hex(canonicalJson({ type: 'link', customerId: CUSTOMER, seq, kind, id, contentHash: hex(content), prevHash }));
    return { seq, prevHash, hash: this.prevHash };
  }
}

/** A statement and its receipts, as files. */
export class ClosedStatement implements PreviousStatement {
  readonly id: string;
  readonly hash: string;

  constructor(
    readonly document: StatementDocument,
    readonly lines: readonly string[],
  ) {
    this.id = document.id;
    this.hash = statementHash(document);
  }

  get file(): Buffer {
    return Buffer.from(canonicalJson({ document: this.document, hash: this.hash }));
  }
}

const hex = (text: string): string => sha256(text).toString('hex');

export const terms = (change: Partial<StatementDocument['terms']> = {}): StatementDocument['terms'] => ({ tier: 'early', platformFeePicodollars: '0', vbpRatePpm: 200_000, vbpBilled: true, billingAnchorDay: 1, ...change });

/** Anything that can be a receipt's inputs. */
export function someInputs(dice: Dice, change: Partial<ReceiptInputs> = {}): ReceiptInputs {
  const rates = () => ({ input: dice.roll(9_000_000), cacheRead: dice.roll(900_000), cacheWrite: dice.roll(9_000_000), output: dice.roll(90_000_000), reasoning: dice.roll(90_000_000), request: dice.roll(3) * 1_000, denominator: dice.pick([1, 1, 10, 1_000]), priceVersion: dice.pick(['2026-11-01', '2026-11-20']) });
  const usage = () => {
    const [uncached, cachedTokens, cacheWriteTokens, visible, reasoningTokens] = Array.from({ length: 5 }, () => dice.roll(5_000)) as [number, number, number, number, number];
    return { promptTokens: uncached + cachedTokens + cacheWriteTokens, cachedTokens, cacheWriteTokens, completionTokens: visible + reasoningTokens, reasoningTokens };
  };
  const arm = change.arm ?? dice.pick(['treated', 'treated', 'control'] as const);
  const mechanisms = (['compression', 'prompt_cache', 'routing', 'semantic_cache', 'exact_cache'] as const).filter(() => dice.roll(3) === 0);
  const model = dice.pick(['gpt-4o', 'claude-sonnet-4-5 "x"', 'é😀']);
  return {
    v: 1,
    provider: 'openai',
    requestedModel: model,
    servedModel: dice.pick([null, model]),
    arm,
    cluster: dice.hex(32),
    covariates: { promptCostPd: dice.roll(1_000_000), requestedModel: model, maxTokens: dice.pick([null, dice.roll(4_000)]) },
    policyId: POLICY,
    policyVersion: 1,
    baseline: { usage: usage(), rates: rates() },
    lengthRatioPpm: dice.pick([1_000_000, dice.roll(1_000_000)]),
    steps: arm === 'control' ? [] : mechanisms.map((mechanism) => ({ mechanism, usage: usage(), rates: dice.roll(2) === 0 ? null : rates() })),
    spent: Array.from({ length: dice.roll(3) }, () => ({ kind: dice.pick(['attempt', 'attempt', 'judge'] as const), id: dice.hex(8), costPd: dice.roll(2_000_000_000) })),
    voidReason: dice.roll(6) === 0 ? dice.pick(['error', 'rejected'] as const) : null,
    ...change,
  };
}
