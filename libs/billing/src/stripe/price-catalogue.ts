import { type TermsService } from '@apex/auth';
import { ApexError } from '@apex/common';
import { type DataSource } from 'typeorm';
import { centsToPd } from '../core/stripe/postings.js';
import { lookupKeyOf, tierOfPrice } from '../core/stripe/prices.js';
import { type PriceSnapshot } from '../core/stripe/snapshots.js';
import { type PaymentProvider } from './payment-provider.js';

/** Which price at Stripe stands for which tier. */
export class PriceCatalogue {
  constructor(
    private readonly dataSource: DataSource,
    private readonly provider: PaymentProvider,
    private readonly terms: Pick<TermsService, 'feeOf'>,
  ) {}

  /**
   * The price of a tier as it costs this customer today: found by its lookup key, else made.
   * @throws ApexError 400 `unknown_tier`, 409 `tier_by_agreement`
   */
  async priceOf(tier: string, customerId: string): Promise<PriceSnapshot> {
    const known = await this.terms.feeOf(tier, customerId);
    if (known === null || tier === 'free') throw new ApexError('unknown_tier', 400, `There is no tier '${tier.slice(0, 64)}' to subscribe to.`, { param: 'tier' });
    if (known.feePd === null) throw new ApexError('tier_by_agreement', 409, `The tier '${tier}' is agreed with a person: write to us.`, { param: 'tier' });
    const amountCents = Number(known.feePd / centsToPd(1));
    if (centsToPd(amountCents) !== known.feePd) throw new ApexError('fee_not_in_cents', 409, `The fee of '${tier}' is no whole number of cents.`);
    const lookupKey = lookupKeyOf(tier, amountCents);
    const found = await this.provider.findPrice(lookupKey);
    // One that has our key and another amount was made by hand: ours takes the key over.
    const isOurs = found !== null && found.currency === 'usd' && found.amountCents === amountCents;
    const price = isOurs ? found : await this.provider.createPrice({ tier, lookupKey, amountCents });
    await this.dataSource.query('insert into stripe_prices (stripe_price_id, lookup_key, tier, amount_cents) values ($1, $2, $3, $4) on conflict do nothing', [price.id, lookupKey, tier, amountCents]);
    return price;
  }

  /** The tier that a price stands for, also one that is no longer sold. Null for a price that is none of ours, or of a tier that is no more. */
  async tierOf(price: PriceSnapshot): Promise<string | null> {
    const [row] = await this.dataSource.query<Array<{ tier: string }>>('select tier from stripe_prices where stripe_price_id = $1', [price.id]);
    const tier = row?.tier ?? tierOfPrice(price);
    return tier !== null && (await this.terms.feeOf(tier, null)) !== null ? tier : null;
  }
}
