import { Injectable } from '@nestjs/common';
import { AuditLog } from '@apex/auth';
import { ApexError, newId, type Uuid } from '@apex/common';
import { Bus } from '@apex/queue';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { type PolicyDocument, policyDocumentSchema } from './core/policy-document.js';
import { POLICY_CHANNEL } from './policy.tokens.js';
import { PolicyDirectory } from './policy-directory.js';

export type PolicyStatus = 'draft' | 'validated' | 'active' | 'retired';

export interface PolicyView {
  readonly id: Uuid;
  /** null: for everybody who has none of their own. */
  readonly customerId: string | null;
  readonly version: number;
  readonly status: PolicyStatus;
  readonly document: PolicyDocument;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly activatedAt: string | null;
  readonly retiredAt: string | null;
}

/** Who changes something, and why; both end up in the audit log. */
export interface PolicyChange {
  readonly actor: string;
  readonly reason: string;
}

interface PolicyRow {
  readonly id: Uuid;
  readonly customer_id: string | null;
  readonly version: number;
  readonly status: PolicyStatus;
  readonly document: PolicyDocument;
  readonly created_by: string;
  readonly created_at: Date;
  readonly activated_at: Date | null;
  readonly retired_at: Date | null;
}

const COLUMNS = 'id, customer_id, version, status, document, created_by, created_at, activated_at, retired_at';

/**
 * The life of policies: draft -> validated -> active -> retired. Each step is audited in its own transaction, and an
 * activation is in force here when the call returns and in every other process within a second.
 */
@Injectable()
export class PoliciesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly bus: Bus,
    private readonly directory: PolicyDirectory,
  ) {}

  async list(customerId?: string | null): Promise<PolicyView[]> {
    const rows = await this.dataSource.query<PolicyRow[]>(`select ${COLUMNS} from policies where $1 or customer_id is not distinct from $2 order by customer_id nulls first, version desc limit 1000`, [customerId === undefined, customerId ?? null]);
    return rows.map(viewOf);
  }

  /** @throws ApexError 404 `unknown_policy` */
  async get(id: Uuid): Promise<PolicyView> {
    return viewOf(await find(this.dataSource.manager, id, false));
  }

  /**
   * Takes a document as the next version of the customer's policies, or of everybody's.
   * @throws ApexError 400 `invalid_policy` naming what is wrong; 404 `unknown_customer`
   */
  async draft(customerId: string | null, document: unknown, change: PolicyChange): Promise<PolicyView> {
    const parsed = validated(document);
    return this.dataSource.transaction(async (manager) => {
      await manager.query(`select pg_advisory_xact_lock(hashtextextended('apex:policies:' || coalesce($1, ''), 0))`, [customerId]);
      if (customerId !== null && (await manager.query<unknown[]>('select 1 from customers where id = $1', [customerId])).length === 0) throw new ApexError('unknown_customer', 404, `There is no customer '${customerId}'.`);
      const [row] = await manager.query<PolicyRow[]>(
        `insert into policies (id, customer_id, version, document, created_by)
         select $1, $2, coalesce(max(version), 0) + 1, $3::jsonb, $4 from policies where customer_id is not distinct from $2
         returning ${COLUMNS}`,
        [newId(), customerId, JSON.stringify(parsed), change.actor],
      );
      await this.record(manager, 'policy.draft', row!, null, change);
      return viewOf(row!);
    });
  }

  /**
   * Checks a draft against the schema of today, in which it may have been written long ago.
   * @throws ApexError 404 `unknown_policy`; 409 `wrong_policy_status`; 400 `invalid_policy`
   */
  validate(id: Uuid, change: PolicyChange): Promise<PolicyView> {
    return this.step(id, ['draft'], 'validated', change);
  }

  /**
   * Puts a validated policy in force and retires the one before it.
   * @throws ApexError 404 `unknown_policy`; 409 `wrong_policy_status`; 400 `invalid_policy`
   */
  async activate(id: Uuid, change: PolicyChange): Promise<PolicyView> {
    const view = await this.step(id, ['validated'], 'active', change);
    await this.announce();
    return view;
  }

  /**
   * Takes a policy out of force. A customer falls back to everybody's; of everybody's the last one cannot be retired, only
   * replaced: switch mechanisms off instead.
   * @throws ApexError 404 `unknown_policy`; 409 `wrong_policy_status`
   */
  async retire(id: Uuid, change: PolicyChange): Promise<PolicyView> {
    const view = await this.step(id, ['draft', 'validated', 'active'], 'retired', change);
    await this.announce();
    return view;
  }

  private async step(id: Uuid, from: readonly PolicyStatus[], to: PolicyStatus, change: PolicyChange): Promise<PolicyView> {
    return this.dataSource.transaction(async (manager) => {
      const before = await find(manager, id, true);
      if (!from.includes(before.status)) throw new ApexError('wrong_policy_status', 409, `Policy ${id} is ${before.status}; only ${from.join(' or ')} can become ${to}.`);
      if (to === 'retired' && before.status === 'active' && before.customer_id === null) throw new ApexError('wrong_policy_status', 409, `Policy ${id} is everybody's; it ends when another one is activated.`);
      if (to !== 'retired') validated(before.document);
      if (to === 'active') {
        const replaced = await manager.query<[PolicyRow[], number]>(`update policies set status = 'retired', retired_at = now() where customer_id is not distinct from $1 and status = 'active' returning ${COLUMNS}`, [before.customer_id]);
        for (const row of replaced[0]) await this.record(manager, 'policy.retired', row, 'active', change);
      }
      const [[row]] = await manager.query<[PolicyRow[], number]>(
        `update policies set status = $2, activated_at = case when $2 = 'active' then now() else activated_at end, retired_at = case when $2 = 'retired' then now() end where id = $1 returning ${COLUMNS}`,
        [id, to],
      );
      await this.record(manager, `policy.${to}`, row!, before.status, change);
      return viewOf(row!);
    });
  }

  private record(manager: EntityManager, action: string, row: PolicyRow, before: PolicyStatus | null, change: PolicyChange): Promise<void> {
    return this.audit.record({ actor: change.actor, action, target: `policy:${row.id}`, before: before === null ? null : { status: before }, after: { status: row.status, customerId: row.customer_id, version: row.version, document: row.document }, reason: change.reason }, manager);
  }

  private async announce(): Promise<void> {
    const inForce = this.directory.refresh();
    // Not waited for: a Redis that hangs must not hold up the operator, and the others look by themselves as well.
    void this.bus.publish(POLICY_CHANNEL, 'changed');
    await inForce;
  }
}

function validated(document: unknown): PolicyDocument {
  const parsed = policyDocumentSchema.safeParse(document);
  if (!parsed.success) throw new ApexError('invalid_policy', 400, `This is no policy: ${z.prettifyError(parsed.error)}`, { details: { issues: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })) } });
  return parsed.data;
}

async function find(manager: EntityManager, id: Uuid, lock: boolean): Promise<PolicyRow> {
  const [row] = await manager.query<PolicyRow[]>(`select ${COLUMNS} from policies where id = $1 ${lock ? 'for update' : ''}`, [id]);
  if (row === undefined) throw new ApexError('unknown_policy', 404, `There is no policy ${id}.`);
  return row;
}

const viewOf = (row: PolicyRow): PolicyView => ({
  id: row.id,
  customerId: row.customer_id,
  version: row.version,
  status: row.status,
  document: row.document,
  createdBy: row.created_by,
  createdAt: row.created_at.toISOString(),
  activatedAt: row.activated_at?.toISOString() ?? null,
  retiredAt: row.retired_at?.toISOString() ?? null,
});
