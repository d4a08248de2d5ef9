import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { newId, notFound } from '@apex/common';
import { DataSource, EntityManager, IsNull } from 'typeorm';
import { KeyDirectory } from '../adapters/key-directory.js';
import { actorOf, CallerContext } from '../core/caller.js';
import { SetProviderKeyInput } from '../core/inputs.js';
import { NONCE_BYTES } from '../core/content-box.js';
import { SecretBox } from '../core/secret-box.js';
import { ProviderKeyView } from '../core/views.js';
import { ProviderKeyEntity } from '../entities/provider-key.entity.js';
import { AuditLog } from './audit-log.service.js';
import { findCustomer } from './customers.service.js';

/** A shorter key would be half given away by its last four characters. */
const SHORTEST_WITH_HINT = 16;

/** Keys of providers: a customer's own, or with `customerId` null the platform's. Only the hint ever comes out again. */
@Injectable()
export class ProviderKeysService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly directory: KeyDirectory,
    private readonly secrets: SecretBox,
  ) {}

  /** Sets or replaces. @throws ApexError 404 for an unknown customer */
  async set(caller: CallerContext, customerId: string | null, provider: string, input: SetProviderKeyInput): Promise<ProviderKeyView> {
    const view = await this.dataSource.transaction(async (manager) => {
      const old = await this.lockSlot(manager, customerId, provider);
      if (old) await manager.update(ProviderKeyEntity, { id: old.id }, { revokedAt: new Date() });
      const id = newId();
      const ciphertext = this.secrets.seal(input.apiKey, { rowId: id, customerId, provider }, randomBytes(NONCE_BYTES));
      const hint = input.apiKey.length >= SHORTEST_WITH_HINT ? input.apiKey.slice(-4) : '';
      await manager.insert(ProviderKeyEntity, { id, customerId, provider, ciphertext, hint });
      await this.audit.record(
        { actor: actorOf(caller), action: 'provider_key.set', target: targetOf(customerId, provider), before: old && { hint: old.hint }, after: { hint }, reason: input.reason },
        manager,
      );
      return viewOf(await manager.findOneByOrFail(ProviderKeyEntity, { id }));
    });
    await this.directory.announce();
    return view;
  }

  /** @throws ApexError 404 */
  async get(customerId: string | null, provider: string): Promise<ProviderKeyView> {
    const row = await findActive(this.dataSource.manager, customerId, provider);
    if (!row) throw notFound('provider key');
    return viewOf(row);
  }

  /** @throws ApexError 404 */
  async revoke(caller: CallerContext, customerId: string | null, provider: string, reason?: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const old = await this.lockSlot(manager, customerId, provider);
      if (!old) throw notFound('provider key');
      await manager.update(ProviderKeyEntity, { id: old.id }, { revokedAt: new Date() });
      await this.audit.record({ actor: actorOf(caller), action: 'provider_key.revoke', target: targetOf(customerId, provider), before: { hint: old.hint }, reason }, manager);
    });
    await this.directory.announce();
  }

  /** Two who set the same key at once take turns, though there may be no row to lock yet. */
  private async lockSlot(manager: EntityManager, customerId: string | null, provider: string): Promise<ProviderKeyEntity | null> {
    if (customerId !== null) await findCustomer(manager, customerId);
    await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [targetOf(customerId, provider)]);
    return findActive(manager, customerId, provider);
  }
}

const findActive = (manager: EntityManager, customerId: string | null, provider: string): Promise<ProviderKeyEntity | null> =>
  manager.findOneBy(ProviderKeyEntity, { customerId: customerId ?? IsNull(), provider, revokedAt: IsNull() });

const targetOf = (customerId: string | null, provider: string): string => `${customerId === null ? 'platform' : `customer:${customerId}`}/provider_key:${provider}`;

const viewOf = (row: ProviderKeyEntity): ProviderKeyView => ({
  id: row.id,
  provider: row.provider,
  owner: row.customerId === null ? 'platform' : 'customer',
  hint: row.hint,
  createdAt: row.createdAt.toISOString(),
});
