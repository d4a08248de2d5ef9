import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An admin token of Apex's own operators. */
@Entity('operator_tokens')
export class OperatorTokenEntity {
  @PrimaryColumn('bytea', { name: 'token_hash', primaryKeyConstraintName: 'operator_tokens_pkey' }) tokenHash!: Buffer;
  @Column('text') name!: string;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt!: Date | null;
}
