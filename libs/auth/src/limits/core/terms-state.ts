import { isTier, type Tier } from '../../core/tiers.js';
import { type KeyTerms, type Limits, NO_LIMITS } from './limits.js';
import { type CustomerTermsRow, type TermsRow, termsFrom } from './terms.js';

interface KeyLimitsRow extends Limits {
  readonly meterId: string;
}

/** Tiers, customers' terms and keys' limits as they are known. Pure: rows in, answers out. */
export class TermsState {
  private readonly tiers = new Map<string, TermsRow & { readonly rank: number }>();
  private readonly tierOfCustomer = new Map<string, string>();
  private readonly terms = new Map<string, CustomerTermsRow>();
  private readonly keys = new Map<string, KeyLimitsRow>();
  /** Rows may be seen more than once; only what differs is a change. */
  private readonly seen = new Map<string, string>();
  version = 0;

  putTier(name: string, row: TermsRow & { readonly rank: number }): void {
    if (this.isNews(`tier ${name}`, row)) this.tiers.set(name, row);
  }

  putCustomer(id: string, tier: string): void {
    if (this.isNews(`customer ${id}`, tier)) this.tierOfCustomer.set(id, tier);
  }

  putTerms(customerId: string, row: CustomerTermsRow): void {
    if (this.isNews(`terms ${customerId}`, row)) this.terms.set(customerId, row);
  }

  putKey(keyId: string, row: KeyLimitsRow): void {
    if (this.isNews(`key ${keyId}`, row)) this.keys.set(keyId, row);
  }

  keyTerms(customerId: string, keyId: string | null): KeyTerms | null {
    const tier = this.tierOfCustomer.get(customerId);
    const base = tier === undefined ? undefined : this.tiers.get(tier);
    if (base === undefined || tier === undefined || !isTier(tier)) return null;
    const { limits, platformBudgetMicroUsd, billingAnchorDay } = termsFrom(tier, base, this.terms.get(customerId) ?? null);
    const key = keyId === null ? undefined : this.keys.get(keyId);
    return { customer: limits, platformBudgetMicroUsd, key: key ?? NO_LIMITS, meterId: key?.meterId ?? keyId ?? '', billingAnchorDay };
  }

  tierOf(customerId: string): Tier | null {
    const tier = this.tierOfCustomer.get(customerId);
    return tier !== undefined && isTier(tier) ? tier : null;
  }

  rankOf(tier: Tier): number | null {
    return this.tiers.get(tier)?.rank ?? null;
  }

  private isNews(what: string, value: unknown): boolean {
    const text = JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? member.toString() : member));
    if (this.seen.get(what) === text) return false;
    this.seen.set(what, text);
    this.version++;
    return true;
  }
}
