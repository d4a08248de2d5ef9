const LOOKUP = /^apex_([a-z]+)_(\d+)_usd_month$/;

/** The lookup key of a tier's monthly price. The amount is in it: a price never changes at Stripe, a new fee is a new price. */
export const lookupKeyOf = (tier: string, amountCents: number): string => `apex_${tier}_${amountCents}_usd_month`;

/** The tier that a price of ours stands for; null for one that is not ours, or whose key lies about its amount. */
export function tierOfPrice(price: { readonly lookupKey: string | null; readonly amountCents: number | null; readonly currency: string }): string | null {
  const match = LOOKUP.exec(price.lookupKey ?? '');
  return match !== null && price.currency === 'usd' && Number(match[2]) === price.amountCents ? match[1]! : null;
}

export type KeyMode = 'test' | 'live';

/** The mode of a secret or restricted key; null for what is none. */
export function modeOfKey(key: string): KeyMode | null {
  const match = /^(?:sk|rk)_(test|live)_[A-Za-z0-9_]+$/.exec(key);
  return match === null ? null : (match[1] as KeyMode);
}
