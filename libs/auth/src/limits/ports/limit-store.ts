import { type MeterGrant, type MeterReport } from '../core/meter-sync.js';

/** Where the meters of all processes meet. */
export abstract class LimitStore {
  /** One grant for each report, in their order. Never rejects: while the place where all meet is away, each goes by its share. */
  abstract sync(customerId: string, reports: readonly MeterReport[]): Promise<readonly MeterGrant[]>;
  abstract close(): Promise<void>;
}
