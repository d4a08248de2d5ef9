import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { type Role } from '../core/caller.js';
import { CustomerEntity } from './customer.entity.js';

/** A person. `tier` and `stripeCustomerId` are projections of the customer's: triggers write them, nobody else. */
@Entity('users')
@Check('users_role_check', `role in ('owner', 'member', 'admin')`)
@Check('users_check', `(role = 'admin') = (customer_id is null)`)
// Unique over lower(email), which TypeORM cannot express: the migration owns it.
@Index('users_email', { synchronize: false })
@Index('users_customer', ['customerId'])
export class UserEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'users_pkey' }) id!: string;
  @ForeignKey(() => CustomerEntity, { name: 'users_customer_id_fkey' })
  @Column('text', { name: 'customer_id', nullable: true })
  customerId!: string | null;
  @Column('text') email!: string;
  @Column('text') name!: string;
  @Column('text') role!: Role;
  /** Selected only where a password is checked. */
  @Column('text', { name: 'password_hash', nullable: true, select: false }) passwordHash!: string | null;
  @Column({ type: 'text', nullable: true, insert: false, update: false }) tier!: string | null;
  @Column({ type: 'text', name: 'stripe_customer_id', nullable: true, insert: false, update: false }) stripeCustomerId!: string | null;
  @Column('timestamptz', { name: 'disabled_at', nullable: true }) disabledAt!: Date | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
}
