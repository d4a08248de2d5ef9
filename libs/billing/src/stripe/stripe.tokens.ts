/** Nest's token for `StripeConfig`. */
export const STRIPE_CONFIG = Symbol('StripeConfig');
