import { type Mechanism, MECHANISMS, type Receipt } from '@apex/usage';
import { type SavingsFigures } from './statement.types.js';

/** What change no answer: their savings are billed without an experiment. */
const LOSSLESS: readonly Mechanism[] = ['prompt_cache', 'exact_cache'];

/** What of a receipt's saving is credited to mechanisms that change no answer. */
export const losslessSaving = ({ status, shares }: Receipt): bigint => (status === 'void' ? 0n : LOSSLESS.reduce((sum, one) => sum + BigInt(shares[one] ?? 0), 0n));

/** Sums over receipts, exact. */
export class SavingsTotal {
  private receipts = 0;
  private void = 0;
  private baseline = 0n;
  private actual = 0n;
  private overhead = 0n;
  private readonly mechanisms = new Map(MECHANISMS.map((one) => [one, { receipts: 0, saving: 0n }]));
  saving = 0n;
  lossless = 0n;

  add(receipt: Receipt): void {
    this.receipts++;
    this.baseline += BigInt(receipt.baselinePd);
    this.actual += BigInt(receipt.actualPd);
    this.saving += BigInt(receipt.savingPd);
    this.overhead += BigInt(receipt.overheadPd);
    this.lossless += losslessSaving(receipt);
    if (receipt.status === 'void') {
      this.void++;
      return;
    }
    for (const [mechanism, sums] of this.mechanisms) {
      const share = receipt.shares[mechanism];
      if (share === undefined) continue;
      sums.receipts++;
      sums.saving += BigInt(share);
    }
  }

  figures(): SavingsFigures {
    return {
      receipts: this.receipts,
      void: this.void,
      baselinePicodollars: String(this.baseline),
      actualPicodollars: String(this.actual),
      savingPicodollars: String(this.saving),
      overheadPicodollars: String(this.overhead),
      losslessPicodollars: String(this.lossless),
      mechanisms: [...this.mechanisms].map(([mechanism, { receipts, saving }]) => ({ mechanism, receipts, savingPicodollars: String(saving) })),
    };
  }
}
