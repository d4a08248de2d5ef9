import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { CustomerEntity } from './customer.entity.js';

/** A provider's key, encrypted: a customer's own, or the platform's (`customerId` null). */
@Entity('provider_keys')
// Unique over coalesce(customer_id, ''), which TypeORM cannot express: the migration owns it.
@Index('provider_keys_active', { synchronize: false })
@Index('provider_keys_change', ['changeXid'])
export class ProviderKeyEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'provider_keys_pkey' }) id!: string;
  @ForeignKey(() => CustomerEntity, { name: 'provider_keys_customer_id_fkey' })
  @Column('text', { name: 'customer_id', nullable: true })
  customerId!: string | null;
  @Column('text') provider!: string;
  @Column('bytea', { select: false }) ciphertext!: Buffer;
  @Column('text') hint!: string;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt!: Date | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' }) updatedAt!: Date;
  @Column('bigint', { name: 'change_xid', default: 0 }) changeXid!: string;
}
