import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { sha256 } from '@apex/common';
import { DataSource, IsNull } from 'typeorm';
import { isToken, makeToken, TOKEN_BYTES } from '../core/tokens.js';
import { OperatorTokenEntity } from '../entities/operator-token.entity.js';
import { AuditLog } from './audit-log.service.js';

/** Admin tokens of Apex's own operators. */
@Injectable()
export class OperatorTokensService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
  ) {}

  /** Makes a token; it is in the answer and nowhere else. */
  async issue(actor: string, name: string, reason?: string): Promise<string> {
    const token = makeToken('apexadm_', randomBytes(TOKEN_BYTES));
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(OperatorTokenEntity, { tokenHash: sha256(token), name });
      await this.audit.record({ actor, action: 'operator_token.issue', target: `operator_token:${name}`, after: { name }, reason }, manager);
    });
    return token;
  }

  /** The operator's name if the token is good, else null. The lookup goes by hash, so its time tells nothing of a token. */
  async nameOf(token: string): Promise<string | null> {
    if (!isToken('apexadm_', token)) return null;
    const row = await this.dataSource.manager.findOneBy(OperatorTokenEntity, { tokenHash: sha256(token), revokedAt: IsNull() });
    return row?.name ?? null;
  }
}
