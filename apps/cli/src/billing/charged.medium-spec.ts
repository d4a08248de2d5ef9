import { Logger } from '@nestjs/common';
import { Ledger, receiptLine, RevenueReports } from '@apex/billing';
import { canonicalJson } from '@apex/usage';
import { addCustomer, addReceipt, exactHit, statementsOver } from '../../../../libs/billing/test/statement-books.js';
import { BY, StripeStage } from '../../../../libs/billing/test/stripe-stage.js';
import { DAY, HOUR } from '../../../../test/support/stripe/stripe-fake.js';
import { verify } from '../verify-statement/verify.js';

const CENT = 10_000_000_000n;
const FEE_CENTS = 50_000n;

// Real: Postgres, Stripe's SDK over HTTP. Stripe is the fake, and time is the test's.
describe('what was saved', () => {
  let stage: StripeStage;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    stage = await StripeStage.open();
  });
  afterAll(async () => {
    await stage.close();
    Logger.overrideLogger(new Logger());
  });

  it('is on the statement, on the invoice, paid, in the revenue, and what anybody computes from the receipts', async () => {
    const { billing, fake, clock } = stage;
    const { dataSource } = stage.database;
    await addCustomer(dataSource, 'acme', '2026-01-01T00:00:00Z', 'free');
    fake.completeCheckout((await billing.accounts.checkout('acme', { tier: 'mid', successUrl: 'https://a.test', cancelUrl: 'https://a.test', trialDays: null }, BY)).id);
    await stage.deliver();

    // Traffic of a month: each hit saved an odd number of picodollars.
    let saved = 0n;
    for (let request = 0; request < 60; request++) saved += BigInt((await addReceipt(dataSource, 'acme', `2026-01-${String(2 + (request % 28)).padStart(2, '0')}T10:00:${String(request).padStart(2, '0')}Z`, exactHit(123_456_789_013 + request * 7))).savingPd);
    const vbp = saved / 5n;

    stage.advance(34 * DAY + HOUR);
    await stage.deliver();
    const statements = statementsOver(dataSource, clock);
    const [id] = await statements.closeDue('acme', 'test');
    const { document, hash } = await statements.get('acme', id!);
    expect(document.billing.vbpPicodollars).toBe(String(vbp));
    const cents = BigInt(document.invoice.chargedCents);
    expect(cents).toBe((vbp + CENT / 2n) / CENT);

    expect(await billing.sender.drain()).toBe(1);
    const stripeId = await stage.stripeId('acme');
    expect(fake.itemsOf(stripeId)).toMatchObject([{ amount: Number(cents), metadata: { statementHash: hash, apex_statement: id }, invoice: null }]);

    stage.advance(25 * DAY + 2 * HOUR);
    await stage.deliver();
    expect(await billing.states.of('acme')).toMatchObject({ standing: 'active', attention: [], invoices: [{ status: 'paid', paidCents: String(FEE_CENTS + cents) }, { status: 'paid' }, { status: 'paid' }], charges: [{ state: 'sent', amountCents: String(cents) }] });

    // The share is settled, of the fees two months are paid ahead: Stripe asks for them in advance.
    const balances = await new Ledger(dataSource).balances('acme');
    expect(balances.get('customer:receivable')).toBe(-2n * FEE_CENTS * CENT);
    expect(balances.get('cash')).toBe((3n * FEE_CENTS + cents) * CENT);
    expect(balances.get('revenue:vbp')).toBe(-vbp);

    const revenue = await new RevenueReports(dataSource, clock).monthly();
    expect(revenue).toMatchObject({ vbpPicodollars: String(vbp), platformPicodollars: String(FEE_CENTS * CENT), mrrPicodollars: String(vbp + FEE_CENTS * CENT) });

    const lines: Buffer[] = [];
    for await (const one of statements.receiptsOf(document)) lines.push(Buffer.from(receiptLine(one)));
    expect(await verify(Buffer.from(canonicalJson({ document, hash })), lines)).toMatchObject({ findings: [], statementHash: hash, receipts: 60 });
    expect((await billing.audit.run()).differences).toEqual([]);
  });
});
