import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import { type Scope } from '../core/scopes.js';
import { CustomerEntity } from './customer.entity.js';

/** An API key: its SHA-256, never itself. */
@Entity('api_keys')
@Unique('api_keys_hash_key', ['hash'])
@Index('api_keys_customer', ['customerId'])
@Index('api_keys_change', ['changeXid'])
export class ApiKeyEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'api_keys_pkey' }) id!: string;
  @ForeignKey(() => CustomerEntity, { name: 'api_keys_customer_id_fkey' })
  @Column('text', { name: 'customer_id' })
  customerId!: string;
  @Column('text') name!: string;
  /** The key's first characters, for people to tell keys apart. */
  @Column('text') prefix!: string;
  /** Selected nowhere: lookups go by it, answers never hold it. */
  @Column('bytea', { select: false }) hash!: Buffer;
  @Column('text', { array: true }) scopes!: Scope[];
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt!: Date | null;
  @ForeignKey(() => ApiKeyEntity, { name: 'api_keys_rotated_from_fkey' })
  @Column('uuid', { name: 'rotated_from', nullable: true })
  rotatedFrom!: string | null;
  @Column('text', { name: 'created_by' }) createdBy!: string;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' }) updatedAt!: Date;
  @Column('bigint', { name: 'change_xid', default: 0 }) changeXid!: string;
}
