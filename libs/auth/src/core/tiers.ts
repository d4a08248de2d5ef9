/** The tiers a customer can be on. What each allows is data, kept elsewhere. */
export const TIERS = ['free', 'early', 'mid', 'enterprise'] as const;

export type Tier = (typeof TIERS)[number];

export const isTier = (name: string): name is Tier => (TIERS as readonly string[]).includes(name);
