import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { newId, notFound } from '@apex/common';
import { DataSource, EntityManager, IsNull, MoreThan } from 'typeorm';
import { KeyDirectory } from '../adapters/key-directory.js';
import { actorOf, CallerContext } from '../core/caller.js';
import { SetProviderKeyInput } from '../core/inputs.js';
import { NONCE_BYTES, sealedBy } from '../core/content-box.js';
import { SecretBox } from '../core/secret-box.js';
import { ProviderKeyView, Resealed } from '../core/views.js';
import { ProviderKeyEntity } from '../entities/provider-key.entity.js';
import { AuditLog } from './audit-log.service.js';
import { findCustomer } from './customers.service.js';

/** A shorter key would be half given away by its last four characters. */
const SHORTEST_WITH_HINT = 16;

/** What is left of a key that is revoked: nothing has to be opened again, so nothing is kept that could be. */
const ERASED = Buffer.alloc(0);

/** Rows that one transaction reseals. */
const RESEAL_ROWS = 500;

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
      if (old) await erase(manager, old.id);
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
      await erase(manager, old.id);
      await this.audit.record({ actor: actorOf(caller), action: 'provider_key.revoke', target: targetOf(customerId, provider), before: { hint: old.hint }, reason }, manager);
    });
    await this.directory.announce();
  }

  /**
   * Seals anew, under the current master key, what an earlier one has sealed; after it the earlier one can be thrown
   * away, unless `unreadable` says otherwise. Done twice it changes nothing more. It goes in steps: broken off, it is
   * called again. Processes that do not have the current master key yet cannot open what was resealed: give it to all
   * of them first.
   */
  async reseal(caller: CallerContext, reason: string): Promise<Resealed> {
    const found = { masterKey: this.secrets.currentKeyId, resealed: 0, current: 0, unreadable: [] as Resealed['unreadable'] };
    for (let after: string | null = ''; after !== null; ) after = await this.resealSome(after, found);
    const { unreadable, ...counts } = found;
    await this.audit.record({ actor: actorOf(caller), action: 'provider_key.reseal', target: 'provider_keys', after: { ...counts, unreadable: unreadable.map(({ id }) => id) }, reason });
    await this.directory.announce();
    return found;
  }

  /** One step, in the order of ids. Returns the last id it has seen, null at the end. */
  private resealSome(after: string, found: { masterKey: string; resealed: number; current: number; unreadable: Resealed['unreadable'] }): Promise<string | null> {
    return this.dataSource.transaction(async (manager) => {
      // One that is being replaced meanwhile is waited for, and then it is revoked.
      const rows = await manager
        .createQueryBuilder(ProviderKeyEntity, 'k')
        .addSelect('k.ciphertext')
        .where({ revokedAt: IsNull(), ...(after === '' ? {} : { id: MoreThan(after) }) })
        .orderBy('k.id')
        .limit(RESEAL_ROWS)
        .setLock('pessimistic_write')
        .getMany();
      for (const row of rows) {
        const by = sealedBy(row.ciphertext);
        if (by === found.masterKey) found.current++;
        else if (await this.resealOne(manager, row)) found.resealed++;
        else found.unreadable.push({ id: row.id, owner: row.customerId ?? 'platform', provider: row.provider, masterKey: by });
      }
      return rows.length < RESEAL_ROWS ? null : rows.at(-1)!.id;
    });
  }

  private async resealOne(manager: EntityManager, row: ProviderKeyEntity): Promise<boolean> {
    const context = { rowId: row.id, customerId: row.customerId, provider: row.provider };
    let secret: string;
    try {
      secret = this.secrets.open(row.ciphertext, context);
    } catch {
      return false;
    }
    await manager.update(ProviderKeyEntity, { id: row.id }, { ciphertext: this.secrets.seal(secret, context, randomBytes(NONCE_BYTES)) });
    return true;
  }

  /** Two who set the same key at once take turns, though there may be no row to lock yet. */
  private async lockSlot(manager: EntityManager, customerId: string | null, provider: string): Promise<ProviderKeyEntity | null> {
    if (customerId !== null) await findCustomer(manager, customerId);
    await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [targetOf(customerId, provider)]);
    return findActive(manager, customerId, provider);
  }
}

const erase = (manager: EntityManager, id: string): Promise<unknown> => manager.update(ProviderKeyEntity, { id }, { revokedAt: new Date(), ciphertext: ERASED });

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
