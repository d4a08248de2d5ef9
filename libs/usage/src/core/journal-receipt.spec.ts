import fc from 'fast-check';
import { named } from './journal-rows.js';
import { RECEIPT_COLUMNS, receiptJson } from './journal-receipt.js';
import { receiptHash } from './savings/chain.js';
import { receiptInputs } from './savings/receipt.fakes.js';
import { computeReceipt } from './savings/receipt.js';

describe("a receipt's row in the journal", () => {
  const requestId = '01956c00-0000-7000-8000-000000000001';
  const names = fc.oneof(fc.constantFrom('gpt-4o-mini', 'a "model"', 'back\\slash', 'tab\t', 'é 😀 \u2028', '\u007f', '\u0000', '\ud800'), fc.string({ unit: 'binary' }));
  const receipts = fc.tuple(receiptInputs, names, fc.constantFrom('customer', 'Käufer "x"')).map(([inputs, model, customer]) =>
    computeReceipt(requestId, customer, { ...inputs, requestedModel: model, covariates: { ...inputs.covariates, requestedModel: model } }),
  );
  const storable = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_key, one: unknown) => (typeof one === 'string' ? one.toWellFormed().replaceAll('\0', '\ufffd') : one)));

  it('carries all its inputs and amounts', () => {
    fc.assert(
      fc.property(receipts, (receipt) => {
        const { customerId, inputs, baselinePd, actualPd, savingPd, shares, overheadPd, status, reason } = receipt;
        const row = { request_id: requestId, customer_id: customerId, inputs, baseline_pd: baselinePd, actual_pd: actualPd, saving_pd: savingPd, shares, overhead_pd: overheadPd, status, reason };
        // As JSON has it: it tells nothing of -0 and of members that are undefined.
        const { content_hash: _hash, ...carried } = named(RECEIPT_COLUMNS, JSON.parse(receiptJson(receipt)) as unknown[]);
        expect(carried).toEqual(storable(row));
      }),
    );
  });

  it('carries the hash of the receipt as it will be stored, whatever its text', () => {
    fc.assert(
      fc.property(receipts, (receipt) => {
        const row = named(RECEIPT_COLUMNS, JSON.parse(receiptJson(receipt)) as unknown[]);
        expect(row['content_hash']).toBe(receiptHash(storable(receipt) as typeof receipt));
      }),
    );
  });
});
