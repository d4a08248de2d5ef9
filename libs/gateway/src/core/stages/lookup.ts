import { type CacheAsk } from '../cache/flight.js';
import { exactKey } from '../cache/exact-key.js';
import { type Decided } from '../types.js';

/** What to ask the exact cache for; null: this request is not to be answered from it, nor kept in it. */
export function cacheAskFor(request: Decided): CacheAsk | null {
  const allowed = request.plan?.decision.exactCache ?? null;
  if (allowed === null) return null;
  const hash = exactKey(request);
  if (hash === null) return null;
  const { key, surface, call, labels, deadlineAt } = request;
  return { customerId: key.customerId, hash, surface, requestedModel: call.model, tags: labels.tags, ttlMs: allowed.ttlSeconds * 1_000, deadlineAt };
}
