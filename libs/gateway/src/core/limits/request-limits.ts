import { type Admission, type KeyLimiter, type Limited, type Limiter, type Reservation } from '@apex/auth';
import { type PriceBook } from '@apex/llm';
import { type Reply } from '../../ports/reply.js';
import { type Refusal } from '../call.js';
import { refusals } from '../refusals.js';
import { type Admitted, type Attributed, type Authenticated } from '../types.js';
import { claimOf, isRefusal } from './claim.js';
import { LimitedReply } from './limited-reply.js';

export interface RequestLimitsDeps {
  readonly limiter: Pick<Limiter, 'of'>;
  /** The flag `usage_limits_enforced`, for this customer. */
  readonly enforced: (customerId: string) => boolean;
  readonly prices: PriceBook;
}

interface Open {
  readonly reservation: Reservation;
  /** Providers that this request calls with the platform's key. */
  readonly platform: readonly string[];
}

/** What requests have reserved, from their admission to their record. */
export class RequestLimits {
  private readonly open = new Map<string, Open>();

  constructor(private readonly deps: RequestLimitsDeps) {}

  /** null: nothing limits this key. */
  of(request: Authenticated, reply: Reply): RequestLimit | null {
    const { customerId, keyId } = request.key;
    const key = this.deps.limiter.of(customerId, keyId);
    if (key === null) return null;
    const enforced = this.deps.enforced(customerId);
    return new RequestLimit(key, enforced, enforced ? new LimitedReply(reply, request.surface, request.receivedAt) : null, this.deps.prices, this.open);
  }

  /** Every record comes through here; most have reserved nothing. */
  settle({ record, attempts }: Attributed): void {
    if (this.open.size === 0) return;
    const open = this.open.get(record.request_id);
    if (open === undefined) return;
    this.open.delete(record.request_id);
    let platformCostPd = 0;
    if (open.platform.length > 0) for (const attempt of attempts) if (open.platform.includes(attempt.provider)) platformCostPd += attempt.cost_pd;
    open.reservation.settle({ tokens: record.prompt_tokens + record.completion_tokens, costPd: record.cost_pd, platformCostPd });
  }
}

/** One request's dealings with its limits. */
export class RequestLimit {
  constructor(
    private readonly key: KeyLimiter,
    private readonly enforced: boolean,
    /** The reply that tells of the limits; null: they are not in force. */
    readonly reply: LimitedReply | null,
    private readonly prices: PriceBook,
    private readonly open: Map<string, Open>,
  ) {}

  /** `done` is called once, mostly in the same turn: null where the request may go on. */
  reserve(request: Admitted, done: (refusal: Refusal | null) => void): void {
    const claim = claimOf(request, this.key.counts, this.enforced, this.prices);
    if (isRefusal(claim)) return done(claim);
    this.key.reserve(claim, this.enforced, (admission) => done(this.take(request, admission)));
  }

  private take(request: Admitted, admission: Admission): Refusal | null {
    if (!admission.ok) {
      this.reply?.tell(admission.limited.states);
      return refusalOf(admission.limited);
    }
    const { reservation } = admission;
    this.open.set(request.requestId, { reservation, platform: this.key.counts.platformBudget ? platformProviders(request) : NONE });
    this.reply?.tell(reservation);
    return null;
  }
}

const NONE: readonly string[] = [];
const platformProviders = ({ candidates }: Admitted): readonly string[] => candidates.filter(({ credential }) => credential.owner === 'platform').map(({ target }) => target.provider.name);

function refusalOf({ name, limit, retryAfterMs, spent }: Limited): Refusal {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  switch (name) {
    case 'requests':
    case 'tokens':
      // SDKs wait as long as they are told, up to a minute; what they are told beyond that they ignore.
      return refusals.rateLimited(name, limit, Math.min(60, seconds));
    case 'concurrency':
      return refusals.tooManyAtOnce(limit, Math.min(60, seconds));
    case 'budget':
    case 'platform_budget':
      return spent ? refusals.budgetSpent(name === 'budget', limit, seconds) : refusals.budgetReserved(name === 'budget', limit, seconds);
  }
}
