import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePort } from '@apex/host';
import Stripe from 'stripe';
import { eventually } from '../../../test/support/eventually.js';
import { DAY, StripeFake } from '../../../test/support/stripe/stripe-fake.js';
import { type PaymentProvider } from '../src/stripe/payment-provider.js';
import { StripeAdapter } from '../src/stripe/stripe-adapter.js';

/** One Stripe, or what stands for it, and what a test must be able to make happen there. */
export interface ProviderUnderTest {
  readonly provider: PaymentProvider;
  /** A customer with a card that pays. */
  newCustomer(customerId: string): Promise<string>;
  subscribe(customer: string, priceId: string, checkoutId: string): Promise<string>;
  setCard(customer: string, card: 'pays' | 'declines'): Promise<void>;
  payByHand(invoice: string): Promise<void>;
  advance(seconds: number): Promise<void>;
  close(): Promise<void>;
}

export interface Candidate {
  readonly name: string;
  /** Remembers what it was told. */
  readonly stateful: boolean;
  open(): Promise<ProviderUnderTest>;
}

/** The fake always; the others where this machine has them. `absent` says what was not asked, and how to have it asked. */
export function candidates(env: NodeJS.ProcessEnv): { present: Candidate[]; absent: string[] } {
  const present: Candidate[] = [{ name: 'the fake', stateful: true, open: openFake }];
  const absent: string[] = [];
  const binary = (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'stripe-mock')).find(isExecutable);
  const url = env['STRIPE_MOCK_URL'];
  if (url !== undefined) present.push({ name: 'stripe-mock', stateful: false, open: () => Promise.resolve(stateless(url)) });
  else if (binary !== undefined) present.push({ name: 'stripe-mock', stateful: false, open: () => startMock(binary) });
  else absent.push('stripe-mock was not asked: it is not on the PATH, and STRIPE_MOCK_URL is not set.');
  const key = env['STRIPE_TEST_SECRET_KEY'];
  if (key?.startsWith('sk_test_') === true) present.push({ name: 'Stripe\'s test mode', stateful: true, open: () => openTestMode(key) });
  else absent.push('Stripe\'s test mode was not asked: STRIPE_TEST_SECRET_KEY is not set to a key that begins with sk_test_.');
  return { present, absent };
}

async function openFake(): Promise<ProviderUnderTest> {
  const fake = await StripeFake.start({ now: Date.UTC(2026, 0, 1) / 1_000 });
  const done = Promise.resolve();
  return {
    provider: new StripeAdapter(fake.key, false, new URL(fake.url)),
    newCustomer: async (customerId) => {
      const { id } = await new StripeAdapter(fake.key, false, new URL(fake.url)).createCustomer({ customerId, name: customerId, email: null });
      fake.setCard(id, 'pays');
      return id;
    },
    subscribe: (_customer, _priceId, checkoutId) => Promise.resolve(fake.completeCheckout(checkoutId).id),
    setCard: (customer, card) => (fake.setCard(customer, card), done),
    payByHand: (invoice) => (fake.payByHand(invoice), done),
    advance: (seconds) => (fake.advance(seconds), done),
    close: () => fake.close(),
  };
}

/** Checks requests against Stripe's own OpenAPI and answers with examples. */
function stateless(url: string): ProviderUnderTest {
  const done = Promise.resolve();
  return { provider: new StripeAdapter('sk_test_123', false, new URL(url)), newCustomer: () => Promise.resolve('cus_example'), subscribe: () => Promise.resolve('sub_example'), setCard: () => done, payByHand: () => done, advance: () => done, close: () => done };
}

async function startMock(binary: string): Promise<ProviderUnderTest> {
  const port = await freePort();
  const child = spawn(binary, ['-http-addr', `127.0.0.1:${port}`], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await eventually('stripe-mock answers', () => fetch(`${url}/v1/charges`, { headers: { authorization: 'Bearer sk_test_123' } }).then(() => true, () => undefined), 20_000);
  return { ...stateless(url), close: async () => void child.kill('SIGKILL') };
}

/** Stripe itself, with a clock of its own for each customer. */
function openTestMode(key: string): Promise<ProviderUnderTest> {
  const stripe = new Stripe(key);
  const clocks: string[] = [];
  const attach = async (customer: string, card: string): Promise<void> => {
    const { id } = await stripe.paymentMethods.attach(card, { customer });
    await stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } });
  };
  const setCard = (customer: string, card: 'pays' | 'declines'): Promise<void> => attach(customer, card === 'pays' ? 'pm_card_visa' : 'pm_card_chargeCustomerFail');
  return Promise.resolve({
    provider: new StripeAdapter(key, false),
    newCustomer: async (customerId) => {
      const clock = await stripe.testHelpers.testClocks.create({ frozen_time: Math.floor(Date.now() / 1_000) });
      clocks.push(clock.id);
      const { id } = await stripe.customers.create({ name: customerId, test_clock: clock.id, metadata: { apex_customer: customerId } });
      await setCard(id, 'pays');
      return id;
    },
    // Nobody can fill in Stripe's page here.
    subscribe: async (customer, price) => (await stripe.subscriptions.create({ customer, items: [{ price }] })).id,
    setCard,
    payByHand: async (invoice) => void (await stripe.invoices.pay(invoice)),
    advance: async (seconds) => {
      const clock = clocks.at(-1)!;
      const { frozen_time: now } = await stripe.testHelpers.testClocks.retrieve(clock);
      await stripe.testHelpers.testClocks.advance(clock, { frozen_time: now + seconds });
      await eventually('the test clock has advanced', async () => ((await stripe.testHelpers.testClocks.retrieve(clock)).status === 'ready' ? true : undefined), 120_000);
    },
    close: async () => {
      for (const clock of clocks) await stripe.testHelpers.testClocks.del(clock);
    },
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const MONTH = 31 * DAY;
