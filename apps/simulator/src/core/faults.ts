import { BoundedMap } from './bounded-map.js';
import { type Random } from './random.js';

/** The refusals that can be ordered. 529 is Anthropic's way of being overloaded. */
export type FaultStatus = 429 | 500 | 503 | 529;

/** What can go wrong on demand. README.md says how each looks from outside and what it bills. */
export type Fault =
  | { readonly kind: 'status'; readonly status: FaultStatus; readonly retryAfterSeconds: number | null }
  | { readonly kind: 'hang' }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'slow_first_byte'; readonly delayMs: number }
  | { readonly kind: 'cut'; readonly afterChunks: number }
  | { readonly kind: 'stream_error'; readonly afterChunks: number }
  | { readonly kind: 'malformed' };

/** A fault as written, and how many attempts of one `simulate_id` it hits; null: all of them. */
export interface FaultOrder {
  readonly fault: Fault;
  readonly times: number | null;
}

/** A fault's text that says nothing known. A typo in a test must not pass as "no fault". */
export class FaultSyntaxError extends Error {
  constructor(text: string, problem = `Unknown fault '${text}'.`) {
    super(`${problem} Write 429, 429;retry_after=2, 500, 503, 529, hang, disconnect, slow_first_byte=1500, cut, cut=5, stream_error, stream_error=5 or malformed; each may end in ;times=1.`);
    this.name = 'FaultSyntaxError';
  }
}

const DEFAULT_CUT = 5;
const numeric = /^\d+(\.\d+)?$/;

/** @throws FaultSyntaxError */
export function parseFault(text: string): FaultOrder {
  const [head = '', ...options] = text.trim().split(';');
  let retryAfterSeconds: number | null = null;
  let times: number | null = null;
  for (const option of options) {
    const [name, value = ''] = option.split('=');
    if (!numeric.test(value)) throw new FaultSyntaxError(text);
    if (name === 'retry_after') retryAfterSeconds = Number(value);
    else if (name === 'times') times = Number(value);
    else throw new FaultSyntaxError(text);
  }
  const [name, value] = head.split('=');
  if (value !== undefined && !numeric.test(value)) throw new FaultSyntaxError(text);
  const fault = faultNamed(name ?? '', value === undefined ? null : Number(value), retryAfterSeconds);
  if (!fault) throw new FaultSyntaxError(text);
  return { fault, times };
}

function faultNamed(name: string, value: number | null, retryAfterSeconds: number | null): Fault | null {
  if (name === 'slow_first_byte') return value === null ? null : { kind: 'slow_first_byte', delayMs: value };
  if (name === 'cut' || name === 'stream_error') return { kind: name, afterChunks: value ?? DEFAULT_CUT };
  if (value !== null) return null;
  switch (name) {
    case '429':
    case '500':
    case '503':
    case '529': return { kind: 'status', status: Number(name) as FaultStatus, retryAfterSeconds };
    case 'hang': return { kind: 'hang' };
    case 'disconnect': return { kind: 'disconnect' };
    case 'malformed': return { kind: 'malformed' };
    default: return null;
  }
}

/** The refusal that a fault comes to: the one ordered, or a 500 where generation fails and there is no stream to say so in. */
export function refusalIn(fault: Fault | null, stream: boolean): (Fault & { kind: 'status' }) | null {
  if (fault?.kind === 'status') return fault;
  return fault?.kind === 'stream_error' && !stream ? { kind: 'status', status: 500, retryAfterSeconds: null } : null;
}

/** A fault that strikes at random. */
export interface FaultRule {
  readonly fault: string;
  /** 0 to 1. */
  readonly probability: number;
  /** Only requests for this model; without it, all. */
  readonly model?: string | undefined;
}

/** Decides which attempt fails and how. */
export class FaultDesk {
  private current: { readonly rule: FaultRule; readonly fault: Fault }[] = [];
  private readonly seen = new BoundedMap<number>(200_000);

  constructor(private readonly random: Random) {}

  get rules(): readonly FaultRule[] {
    return this.current.map(({ rule }) => rule);
  }

  /** @throws FaultSyntaxError, and then changes nothing. */
  replaceRules(rules: readonly FaultRule[]): void {
    this.current = rules.map((rule) => {
      const { fault, times } = parseFault(rule.fault);
      if (times !== null) throw new FaultSyntaxError(rule.fault, `'${rule.fault}': a rule has a probability, not times.`);
      return { rule, fault };
    });
  }

  /** Forgets the rules and how often each `simulate_id` has failed. */
  clear(): void {
    this.current = [];
    this.seen.clear();
  }

  /**
   * The fault of this attempt, if any. What the request orders comes before the rules; the first rule that strikes wins.
   * @throws FaultSyntaxError for an order that says nothing known, or `times` without an id.
   */
  choose(order: string | undefined, id: string | undefined, model: string): Fault | null {
    if (order !== undefined && order !== '') return this.ordered(order, id);
    for (const { rule, fault } of this.current) {
      if ((rule.model === undefined || rule.model === model) && this.random() < rule.probability) return fault;
    }
    return null;
  }

  private ordered(order: string, id: string | undefined): Fault | null {
    const { fault, times } = parseFault(order);
    if (times === null) return fault;
    if (id === undefined || id === '') throw new FaultSyntaxError(order, `'${order}' needs an id beside it (metadata.simulate_id, or id= in the order).`);
    const attempts = (this.seen.get(id) ?? 0) + 1;
    this.seen.set(id, attempts);
    return attempts <= times ? fault : null;
  }
}
