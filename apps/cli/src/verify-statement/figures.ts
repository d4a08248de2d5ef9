import { type JsonObject } from './canonical.js';
import { type Amounts, MECHANISMS } from './receipt.js';

/** Sums over receipts, as the statement shows them. */
export class Figures {
  private receipts = 0;
  private voided = 0;
  private readonly sums = { baseline: 0n, actual: 0n, saving: 0n, overhead: 0n, lossless: 0n };
  private readonly mechanisms = MECHANISMS.map((mechanism) => ({ mechanism, receipts: 0, saving: 0n }));

  get saving(): bigint {
    return this.sums.saving;
  }

  get lossless(): bigint {
    return this.sums.lossless;
  }

  add(amounts: Amounts): void {
    this.receipts++;
    for (const name of ['baseline', 'actual', 'saving', 'overhead', 'lossless'] as const) this.sums[name] += amounts[name];
    if (amounts.isVoid) this.voided++;
    else for (const one of this.mechanisms) {
      const share = amounts.shares.get(one.mechanism);
      if (share === undefined) continue;
      one.receipts++;
      one.saving += share;
    }
  }

  shown(): JsonObject {
    const { baseline, actual, saving, overhead, lossless } = this.sums;
    return {
      receipts: this.receipts,
      void: this.voided,
      baselinePicodollars: String(baseline),
      actualPicodollars: String(actual),
      savingPicodollars: String(saving),
      overheadPicodollars: String(overhead),
      losslessPicodollars: String(lossless),
      mechanisms: this.mechanisms.map((one) => ({ mechanism: one.mechanism, receipts: one.receipts, savingPicodollars: String(one.saving) })),
    };
  }
}
