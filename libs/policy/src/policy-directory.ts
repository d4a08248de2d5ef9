import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { type ContentBox, NONCE_BYTES } from '@apex/auth';
import { type Clock, newId, PairCache } from '@apex/common';
import { LiveState } from '@apex/queue';
import { type DataSource } from 'typeorm';
import { z } from 'zod';
import { customerSecret, periodAt } from './core/arm.js';
import { DEFAULT_POLICY, policyDocumentSchema, type PolicySnapshot } from './core/policy-document.js';
import { ActivePolicies } from './ports/policies.js';

const stateSchema = z.object({
  policies: z.array(z.object({ id: z.string(), customerId: z.string().nullable(), version: z.number(), document: z.unknown() })),
  periods: z.array(z.object({ period: z.string(), root: z.base64() })),
});

/** One statement, so that all of it is of one moment. Periods that are over are for statements that are closed late, not for decisions. */
const STATE = `
  select jsonb_build_object(
    'policies', (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'customerId', customer_id, 'version', version, 'document', document) order by id), '[]') from policies where status = 'active'),
    'periods', (select coalesce(jsonb_agg(jsonb_build_object('period', period, 'root', translate(encode(sealed_root, 'base64'), E'\\n', '')) order by period), '[]') from (select * from experiment_periods order by period desc limit 8) p)
  )::text as state`;

/** Customers' secrets that are kept at once; they follow from the root and can be computed again. */
const MAX_SECRETS = 50_000;

export interface PolicyDirectoryOptions {
  readonly dataSource: DataSource;
  readonly box: ContentBox;
  readonly clock: Clock;
  readonly subscribe: (onMessage: () => void) => () => void;
  readonly pollMs: number;
}

/**
 * The active policies and the secrets of the experiment, in memory: swapped whole on a message or a look at the tables, the
 * last good ones serving while Postgres is away. A policy that this release cannot read is left out, loudly, and its
 * customer has everybody's.
 */
export class PolicyDirectory extends ActivePolicies {
  private readonly log = new Logger('Policies');
  private readonly state: LiveState;
  private everybodys: PolicySnapshot | null = null;
  private own = new Map<string, PolicySnapshot>();
  private roots = new Map<string, Buffer>();
  private readonly secrets = new PairCache<Buffer>(MAX_SECRETS);
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: PolicyDirectoryOptions) {
    super();
    this.state = new LiveState({ name: 'Policies', read: () => this.read(), apply: (text) => this.apply(text), subscribe: options.subscribe, pollMs: options.pollMs });
  }

  /** Makes what must exist, the default policy and the periods' roots, and reads. */
  async start(): Promise<void> {
    const { dataSource } = this.options;
    await dataSource.query(`insert into policies (id, customer_id, version, document, status, created_by, activated_at) values ($1, null, 1, $2::jsonb, 'active', 'default', now()) on conflict do nothing`, [newId(), JSON.stringify(DEFAULT_POLICY)]);
    await this.ensurePeriods();
    await this.state.start();
    this.timer = setInterval(() => void this.ensurePeriods().catch((error: unknown) => this.log.warn(`the next period's secret could not be made: ${String(error)}`)), 3_600_000).unref();
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.state.stop();
    await this.state.drained();
  }

  refresh(): Promise<void> {
    return this.state.refresh();
  }

  of(customerId: string): PolicySnapshot {
    return this.own.get(customerId) ?? this.everybodys!;
  }

  secretAt(customerId: string, atMs: number): Buffer | null {
    const period = periodAt(atMs).name;
    const known = this.secrets.get(period, customerId);
    if (known !== undefined) return known;
    const root = this.roots.get(period);
    if (root === undefined) return null;
    const secret = customerSecret(root, customerId);
    this.secrets.set(period, customerId, secret);
    return secret;
  }

  /** This month's root and the next one's, made by whoever is first. */
  private async ensurePeriods(): Promise<void> {
    const current = periodAt(this.options.clock.now());
    for (const period of [current.name, periodAt(current.toMs).name]) {
      const root = this.options.box.seal(randomBytes(32), contextOf(period), randomBytes(NONCE_BYTES));
      await this.options.dataSource.query('insert into experiment_periods (period, sealed_root) values ($1, $2) on conflict do nothing', [period, root]);
    }
  }

  private async read(): Promise<string> {
    const [row] = await this.options.dataSource.query<Array<{ state: string }>>(STATE);
    return row!.state;
  }

  /** A root that was sealed under a master key that this process has not: it serves requests as asked, and says so. */
  private open(period: string, root: string): Array<[string, Buffer]> {
    try {
      return [[period, this.options.box.open(Buffer.from(root, 'base64'), contextOf(period))]];
    } catch (error) {
      this.log.error(`the experiment's secret of ${period} cannot be opened, no mechanism acts in it: ${(error as Error).message}`);
      return [];
    }
  }

  private apply(text: string): void {
    const { policies, periods } = stateSchema.parse(JSON.parse(text));
    const roots = new Map(periods.flatMap(({ period, root }) => this.open(period, root)));
    const own = new Map<string, PolicySnapshot>();
    let everybodys: PolicySnapshot | null = null;
    for (const { id, customerId, version, document } of policies) {
      const parsed = policyDocumentSchema.safeParse(document);
      if (!parsed.success) {
        this.log.error(`policy ${id} cannot be read and is not in force: ${z.prettifyError(parsed.error)}`);
        continue;
      }
      const snapshot: PolicySnapshot = Object.freeze({ id, version, customerId, document: parsed.data });
      if (customerId === null) everybodys = snapshot;
      else own.set(customerId, snapshot);
    }
    if (everybodys === null && this.everybodys === null) throw new Error('no policy for everybody can be read');
    this.everybodys = everybodys ?? this.everybodys;
    this.own = own;
    this.roots = roots;
    this.secrets.clear();
  }
}

const contextOf = (period: string): string => `experiment period ${period}`;
