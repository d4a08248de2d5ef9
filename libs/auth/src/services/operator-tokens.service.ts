import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock, invalid, isUuid, newId, notFound, sha256 } from '@apex/common';
import { DataSource, IsNull, MoreThan } from 'typeorm';
import { actorOf, CallerContext } from '../core/caller.js';
import { CreateOperatorTokenInput, Page } from '../core/inputs.js';
import { isToken, makeToken, TOKEN_BYTES } from '../core/tokens.js';
import { CreatedOperatorToken, ListOf, OperatorTokenView } from '../core/views.js';
import { OperatorTokenEntity } from '../entities/operator-token.entity.js';
import { AuditLog } from './audit-log.service.js';
import { pageOf } from './pages.js';

/** Admin tokens of Apex's own operators. */
@Injectable()
export class OperatorTokensService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /** Makes a token; it is in the answer and nowhere else. */
  async create(caller: CallerContext, { name, reason }: CreateOperatorTokenInput): Promise<CreatedOperatorToken> {
    const id = newId();
    const token = makeToken('apexadm_', randomBytes(TOKEN_BYTES));
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(OperatorTokenEntity, { id, tokenHash: sha256(token), name });
      await this.audit.record({ actor: actorOf(caller), action: 'operator_token.issue', target: targetOf(id), after: { name }, reason }, manager);
    });
    return { id, token, name };
  }

  /** In the order they were made, revoked ones too. The environment's own is not among them. */
  async list(page: Page): Promise<ListOf<OperatorTokenView>> {
    if (page.after !== undefined && !isUuid(page.after)) throw invalid('after is no token\'s id.', 'after');
    const rows = await this.dataSource.manager.find(OperatorTokenEntity, {
      where: page.after === undefined ? {} : { id: MoreThan(page.after) },
      order: { id: 'ASC' },
      take: page.limit + 1,
    });
    return pageOf(rows, page.limit, viewOf);
  }

  /** Refused everywhere from now on, for each use looks it up. Revoking it again changes nothing. @throws ApexError 404 */
  async revoke(caller: CallerContext, id: string, reason?: string): Promise<OperatorTokenView> {
    return this.dataSource.transaction(async (manager) => {
      const row = await manager.findOne(OperatorTokenEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (!row) throw notFound('operator token');
      if (row.revokedAt) return viewOf(row);
      const revokedAt = new Date(this.clock.now());
      await manager.update(OperatorTokenEntity, { id }, { revokedAt });
      await this.audit.record({ actor: actorOf(caller), action: 'operator_token.revoke', target: targetOf(id), before: { name: row.name, revoked: false }, after: { name: row.name, revoked: true }, reason }, manager);
      return viewOf({ ...row, revokedAt });
    });
  }

  /** The operator's name if the token is good, else null. The lookup goes by hash, so its time tells nothing of a token. */
  async nameOf(token: string): Promise<string | null> {
    if (!isToken('apexadm_', token)) return null;
    const row = await this.dataSource.manager.findOneBy(OperatorTokenEntity, { tokenHash: sha256(token), revokedAt: IsNull() });
    return row?.name ?? null;
  }
}

const targetOf = (id: string): string => `operator_token:${id}`;

const viewOf = (row: OperatorTokenEntity): OperatorTokenView => ({
  id: row.id,
  name: row.name,
  createdAt: row.createdAt.toISOString(),
  revokedAt: row.revokedAt?.toISOString() ?? null,
});
