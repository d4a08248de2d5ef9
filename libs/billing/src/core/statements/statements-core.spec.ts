import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { closesAt, firstPeriod, periodFrom } from './billing-period.js';
import { feeOf, invoiceOf, PICODOLLARS_PER_CENT, toCents } from './invoice.js';
import { MerkleTree } from './merkle.js';
import { chargesOf, postingsOf } from './postings.js';
import { LINE_KINDS, type StatementDocument } from './statement.types.js';

const sha256 = (...parts: readonly Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 6962, 2.1, word for word. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Buffer.of(0), leaves[0]!);
  const left = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, left)), treeHash(leaves.slice(left)));
}

/** RFC 6962, 2.1.1, word for word. */
function auditPath(index: number, leaves: readonly Buffer[]): string[] {
  if (leaves.length <= 1) return [];
  const left = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  const [near, far] = index < left ? [auditPath(index, leaves.slice(0, left)), leaves.slice(left)] : [auditPath(index - left, leaves.slice(left)), leaves.slice(0, left)];
  return [...near, treeHash(far).toString('hex')];
}

describe('a statement’s tree', () => {
  it('has the roots of Certificate Transparency’s own test vectors', () => {
    // github.com/google/certificate-transparency, merkletree/merkle_tree_test.cc
    const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const roots = [
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ];
    const tree = new MerkleTree();
    expect(tree.root()).toBe(roots[0]);
    leaves.forEach((leaf, index) => {
      tree.add(Buffer.from(leaf, 'hex'));
      expect(tree.root()).toBe(roots[index + 1]);
    });
  });

  it('is that of the RFC, and so is each leaf’s path, for any number of leaves', () => {
    for (let count = 1; count <= 40; count++) {
      const leaves = Array.from({ length: count }, (_, index) => Buffer.from(`leaf ${index}`));
      for (let wanted = 0; wanted < count; wanted++) {
        const tree = new MerkleTree();
        leaves.forEach((leaf, index) => tree.add(leaf, index === wanted));
        expect(tree.root()).toBe(treeHash(leaves).toString('hex'));
        expect(tree.inclusion()).toEqual({ index: wanted, hashes: auditPath(wanted, leaves) });
      }
    }
  });
});

describe('billing periods', () => {
  const day = (date: Date): string => date.toISOString().slice(0, 10);

  it('follow each other from midnight to midnight of the anchor’s day', () => {
    const first = firstPeriod(new Date('2026-01-10T15:00:00Z'), 28);
    expect([first.start, first.end].map(day)).toEqual(['2025-12-28', '2026-01-28']);
    expect(day(periodFrom(first.end, 28).end)).toBe('2026-02-28');
    expect(day(periodFrom(new Date('2026-12-01T00:00:00Z'), 1).end)).toBe('2027-01-01');
    // Moved: a short one, and from then on whole ones.
    expect(day(periodFrom(new Date('2026-03-01T00:00:00Z'), 15).end)).toBe('2026-03-15');
    expect(day(periodFrom(new Date('2026-03-15T00:00:00Z'), 1).end)).toBe('2026-04-01');
    expect(closesAt(first).toISOString()).toBe('2026-01-31T00:00:00.000Z');
  });

  it('hold the moment in which a customer came, and are never longer than a month', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true }), fc.integer({ min: 1, max: 28 }), fc.integer({ min: 1, max: 28 }), (created, anchor, moved) => {
        const first = firstPeriod(created, anchor);
        expect(first.start.getTime()).toBeLessThanOrEqual(created.getTime());
        expect(first.end.getTime()).toBeGreaterThan(created.getTime());
        const next = periodFrom(first.end, moved);
        expect(next.end.getUTCDate()).toBe(moved);
        expect(next.end.getTime() - next.start.getTime()).toBeLessThanOrEqual(31 * 86_400_000);
        expect(next.end.getTime()).toBeGreaterThan(next.start.getTime());
      }),
    );
  });
});

const amounts = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
const perLine = fc.record({ vbp: amounts, bvm: amounts, passthrough: amounts });
const documentOf = (invoice: StatementDocument['invoice'], platformFeePd: bigint): StatementDocument =>
  ({ invoice, period: { start: '2026-10-01T00:00:00.000Z', end: '2026-11-01T00:00:00.000Z' }, terms: { platformFeePicodollars: String(platformFeePd), vbpRatePpm: 200_000 }, billing: { basePicodollars: '1234567000000' } }) as unknown as StatementDocument;

describe('an invoice', () => {
  it.each([
    [5_000_000_000n, 0],
    [5_000_000_001n, 1],
    [15_000_000_000n, 2],
    [25_000_000_000n, 2],
    [-5_000_000_000n, 0],
    [-15_000_000_000n, -2],
  ])('rounds %s picodollars half-even to %i cents', (amount, cents) => {
    expect(toCents(amount)).toBe(cents);
  });

  it('takes its share without a float', () => {
    expect(feeOf(10n ** 30n + 5n, 200_000)).toBe(2n * 10n ** 29n + 1n);
    expect(feeOf(4n, 200_000)).toBe(0n);
  });

  it('loses no picodollar, asks for nothing negative or too little, and balances in the ledger', () => {
    fc.assert(
      fc.property(perLine, perLine, amounts, fc.bigInt({ min: 0n, max: 10n ** 15n }), (own, broughtForward, creditPd, platformFeePd) => {
        const invoice = invoiceOf({ own, broughtForward, creditPd, platformFeePd });
        for (const line of invoice.lines) {
          expect(BigInt(line.exactPicodollars)).toBe(own[line.kind] + broughtForward[line.kind]);
          expect(BigInt(line.cents) * PICODOLLARS_PER_CENT + BigInt(line.residualPicodollars) + BigInt(line.carriedForwardPicodollars)).toBe(BigInt(line.exactPicodollars));
          expect(line.cents).toBeGreaterThanOrEqual(0);
        }
        expect(invoice.lines.map(({ kind }) => kind)).toEqual(LINE_KINDS);
        expect(invoice.chargedCents).toBe(invoice.lines.reduce((sum, { cents }) => sum + cents, 0) - invoice.creditCents);
        expect(BigInt(invoice.creditCents) * PICODOLLARS_PER_CENT).toBeLessThanOrEqual(creditPd > 0n ? creditPd : 0n);
        if (invoice.chargedCents > 0) expect(invoice.chargedCents + invoice.platformFeeCents).toBeGreaterThanOrEqual(50);
        const document = documentOf(invoice, platformFeePd);
        for (const isFeeInvoiced of [true, false]) expect(postingsOf(document, isFeeInvoiced).reduce((sum, { amountPd }) => sum + amountPd, 0n)).toBe(0n);
        expect(postingsOf(document, true).some(({ account }) => account === 'revenue:platform')).toBe(false);
        expect(chargesOf(document).reduce((sum, { amountCents }) => sum + amountCents, 0)).toBe(invoice.chargedCents);
      }),
    );
  });

  it('says on a charge what it is for', () => {
    const none = { vbp: 0n, bvm: 0n, passthrough: 0n };
    const invoice = invoiceOf({ own: { ...none, vbp: 200n * PICODOLLARS_PER_CENT }, broughtForward: none, creditPd: 30n * PICODOLLARS_PER_CENT, platformFeePd: 0n });
    expect(chargesOf(documentOf(invoice, 0n))).toEqual([
      { kind: 'vbp', amountCents: 200, description: 'Share of proven savings, 2026-10-01 to 2026-10-31: 20% of $1.23 net' },
      { kind: 'credit', amountCents: -30, description: 'Credit, 2026-10-01 to 2026-10-31' },
    ]);
  });
});
