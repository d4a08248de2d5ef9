import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApexError, Clock, conflict, invalid, isUuid, newId, notFound, sha256 } from '@apex/common';
import { DataSource, EntityManager, IsNull, MoreThan } from 'typeorm';
import { KeyDirectory } from '../adapters/key-directory.js';
import { actorOf, CallerContext, scopesOf } from '../core/caller.js';
import { CreateKeyInput, Page, RotateKeyInput } from '../core/inputs.js';
import { Scope } from '../core/scopes.js';
import { makeToken, TOKEN_BYTES, tokenPrefix } from '../core/tokens.js';
import { CreatedKey, KeyView, ListOf, RotatedKey } from '../core/views.js';
import { ApiKeyEntity } from '../entities/api-key.entity.js';
import { inheritKeyLimits, limitsOf, readKeyLimits, writeKeyLimits } from '../limits/adapters/key-limits-table.js';
import { UpdateKeyInput } from '../limits/core/inputs.js';
import { Limits } from '../limits/core/limits.js';
import { AuditLog } from './audit-log.service.js';
import { findCustomer } from './customers.service.js';
import { pageOf } from './pages.js';

interface NewKey {
  readonly customerId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
  readonly rotatedFrom: string | null;
}

/**
 * A customer's API keys. Another customer's key is not there (404), whoever asks; nobody creates or rotates a key that
 * may do more than they may.
 */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly directory: KeyDirectory,
    private readonly clock: Clock,
  ) {}

  /** The key is in the answer and nowhere else. @throws ApexError 403 `scope_escalation`, 404 */
  async create(caller: CallerContext, customerId: string, input: CreateKeyInput): Promise<CreatedKey> {
    assertMayGrant(caller, input.scopes);
    if (input.expiresAt && input.expiresAt.getTime() <= this.clock.now()) throw invalid('expiresAt must be in the future.', 'expiresAt');
    const created = await this.dataSource.transaction(async (manager) => {
      await findCustomer(manager, customerId);
      const key = await this.insert(manager, caller, { customerId, name: input.name, scopes: input.scopes, expiresAt: input.expiresAt, rotatedFrom: null });
      if (input.limits) await writeKeyLimits(manager, key.id, input.limits);
      const after = { ...audited(key), ...(input.limits ? { limits: input.limits } : {}) };
      await this.audit.record({ actor: actorOf(caller), action: 'key.create', target: keyTarget(customerId, key.id), after, reason: input.reason }, manager);
      return key;
    });
    await this.directory.announce();
    return created;
  }

  /** @throws ApexError 404 */
  async get(customerId: string, keyId: string): Promise<KeyView> {
    const row = await this.dataSource.manager.findOneBy(ApiKeyEntity, { id: keyId, customerId });
    if (!row) throw notFound('API key');
    return this.viewOf(row, limitsOf(await readKeyLimits(this.dataSource.manager, [keyId]), keyId));
  }

  /** In the order they were made, revoked and expired ones too. */
  async list(customerId: string, page: Page): Promise<ListOf<KeyView>> {
    if (page.after !== undefined && !isUuid(page.after)) throw invalid('after is no key\'s id.', 'after');
    await findCustomer(this.dataSource.manager, customerId);
    const rows = await this.dataSource.manager.find(ApiKeyEntity, {
      where: { customerId, ...(page.after === undefined ? {} : { id: MoreThan(page.after) }) },
      order: { id: 'ASC' },
      take: page.limit + 1,
    });
    const limits = await readKeyLimits(this.dataSource.manager, rows.map(({ id }) => id));
    return pageOf(rows, page.limit, (row) => this.viewOf(row, limitsOf(limits, row.id)));
  }

  /** Refused here from now on, everywhere within a second. Revoking it again changes nothing. @throws ApexError 404 */
  async revoke(caller: CallerContext, customerId: string, keyId: string, reason?: string): Promise<KeyView> {
    const view = await this.dataSource.transaction(async (manager) => {
      const row = await lockKey(manager, customerId, keyId);
      const limits = limitsOf(await readKeyLimits(manager, [keyId]), keyId);
      if (row.revokedAt) return this.viewOf(row, limits);
      const revokedAt = new Date(this.clock.now());
      await manager.update(ApiKeyEntity, { id: keyId }, { revokedAt });
      await this.audit.record({ actor: actorOf(caller), action: 'key.revoke', target: keyTarget(customerId, keyId), before: { status: this.statusOf(row) }, after: { status: 'revoked' }, reason }, manager);
      return this.viewOf({ ...row, revokedAt }, limits);
    });
    await this.directory.announce();
    return view;
  }

  /** Sets all of a key's limits; in force here at once, everywhere within a second. @throws ApexError 404 */
  async update(caller: CallerContext, customerId: string, keyId: string, { limits, reason }: UpdateKeyInput): Promise<KeyView> {
    const view = await this.dataSource.transaction(async (manager) => {
      const row = await lockKey(manager, customerId, keyId);
      const before = limitsOf(await readKeyLimits(manager, [keyId]), keyId);
      await writeKeyLimits(manager, keyId, limits);
      await this.audit.record({ actor: actorOf(caller), action: 'key.update', target: keyTarget(customerId, keyId), before: { limits: before }, after: { limits }, reason }, manager);
      return this.viewOf(row, limits);
    });
    await this.directory.announce();
    return view;
  }

  /**
   * A new key with the old one's name, scopes, expiry and limits, counted together; the old one goes on for the grace period, then expires.
   * @throws ApexError 403 `scope_escalation`, 404, 409 `key_not_active` | `key_already_rotated`
   */
  async rotate(caller: CallerContext, customerId: string, keyId: string, input: RotateKeyInput): Promise<RotatedKey> {
    const rotated = await this.dataSource.transaction(async (manager) => {
      const old = await lockKey(manager, customerId, keyId);
      assertMayGrant(caller, old.scopes);
      if (await manager.existsBy(ApiKeyEntity, { rotatedFrom: keyId, revokedAt: IsNull() })) throw conflict('key_already_rotated', 'This key has a successor already.');
      if (this.statusOf(old) !== 'active') throw conflict('key_not_active', 'This key is revoked or expired: create a new one.');
      const key = await this.insert(manager, caller, { customerId, name: old.name, scopes: old.scopes, expiresAt: old.expiresAt, rotatedFrom: keyId });
      await inheritKeyLimits(manager, keyId, key.id);
      const graceEnds = this.clock.now() + input.graceSeconds * 1000;
      const expiresAt = new Date(old.expiresAt ? Math.min(old.expiresAt.getTime(), graceEnds) : graceEnds);
      await manager.update(ApiKeyEntity, { id: keyId }, { expiresAt });
      const previous = { id: keyId, expiresAt: expiresAt.toISOString() };
      await this.audit.record(
        {
          actor: actorOf(caller),
          action: 'key.rotate',
          target: keyTarget(customerId, keyId),
          before: { expiresAt: old.expiresAt?.toISOString() ?? null },
          after: { expiresAt: previous.expiresAt, successor: { id: key.id, ...audited(key) } },
          reason: input.reason,
        },
        manager,
      );
      return { ...key, previous };
    });
    await this.directory.announce();
    return rotated;
  }

  private async insert(manager: EntityManager, caller: CallerContext, { scopes, expiresAt, ...of }: NewKey): Promise<CreatedKey> {
    const key = makeToken('apex_', randomBytes(TOKEN_BYTES));
    const id = newId();
    const prefix = tokenPrefix(key);
    await manager.insert(ApiKeyEntity, { ...of, id, scopes: [...scopes], expiresAt, prefix, hash: sha256(key), createdBy: actorOf(caller) });
    return { id, key, name: of.name, prefix, scopes: [...scopes], expiresAt: expiresAt?.toISOString() ?? null };
  }

  private statusOf(row: ApiKeyEntity): KeyView['status'] {
    if (row.revokedAt) return 'revoked';
    return row.expiresAt !== null && row.expiresAt.getTime() <= this.clock.now() ? 'expired' : 'active';
  }

  private viewOf(row: ApiKeyEntity, limits: Limits): KeyView {
    return {
      id: row.id,
      name: row.name,
      prefix: row.prefix,
      scopes: row.scopes,
      status: this.statusOf(row),
      expiresAt: row.expiresAt?.toISOString() ?? null,
      revokedAt: row.revokedAt?.toISOString() ?? null,
      rotatedFrom: row.rotatedFrom,
      limits,
      createdBy: row.createdBy,
      createdAt: row.createdAt.toISOString(),
    };
  }
}

function assertMayGrant(caller: CallerContext, scopes: readonly Scope[]): void {
  const own = scopesOf(caller);
  const beyond = scopes.filter((scope) => !own.has(scope));
  if (beyond.length > 0) throw new ApexError('scope_escalation', 403, `You cannot give what you do not have: ${beyond.join(', ')}.`, { param: 'scopes' });
}

async function lockKey(manager: EntityManager, customerId: string, keyId: string): Promise<ApiKeyEntity> {
  const row = await manager.findOne(ApiKeyEntity, { where: { id: keyId, customerId }, lock: { mode: 'pessimistic_write' } });
  if (!row) throw notFound('API key');
  return row;
}

const keyTarget = (customerId: string, keyId: string): string => `customer:${customerId}/key:${keyId}`;

const audited = ({ name, prefix, scopes, expiresAt }: CreatedKey): Record<string, unknown> => ({ name, prefix, scopes, expiresAt });
