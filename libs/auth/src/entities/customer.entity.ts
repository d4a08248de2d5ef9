import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import { type Tier } from '../core/tiers.js';

/** The billing account. Authoritative for `tier` and `stripeCustomerId`. */
@Entity('customers')
@Unique('customers_stripe_customer_id_key', ['stripeCustomerId'])
@Index('customers_change', ['changeXid'])
export class CustomerEntity {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'customers_pkey' }) id!: string;
  @Column('text') name!: string;
  @Column('text', { default: 'free' }) tier!: Tier;
  @Column('text', { name: 'stripe_customer_id', nullable: true }) stripeCustomerId!: string | null;
  @Column('boolean', { name: 'platform_keys', default: false }) platformKeys!: boolean;
  @Column('timestamptz', { name: 'suspended_at', nullable: true }) suspendedAt!: Date | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' }) updatedAt!: Date;
  /** The transaction that last wrote the row; a trigger sets it. A `bigint`, so a string here. */
  @Column('bigint', { name: 'change_xid', default: 0 }) changeXid!: string;
}
