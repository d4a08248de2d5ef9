/** Whom a request belongs to, for stickiness. */
export interface TrafficSubject {
  readonly customerId: string;
  readonly keyId: string;
  readonly session: string | null;
}

export type Assignment =
  | { readonly cohort: 'gateway' }
  | { readonly cohort: 'direct'; readonly reason: 'flag_off' | 'not_in_percentage' | 'no_stickiness_id' };

/** Which path a request to `/v1/*` takes. Synchronous, from memory; a change is effective everywhere within a second. */
export abstract class TrafficRouter {
  abstract assign(subject: TrafficSubject): Assignment;
}
