import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** An admin token of Apex's own operators: its SHA-256, never itself. */
@Entity('operator_tokens')
@Unique('operator_tokens_id_key', ['id'])
export class OperatorTokenEntity {
  @PrimaryColumn('bytea', { name: 'token_hash', primaryKeyConstraintName: 'operator_tokens_pkey' }) tokenHash!: Buffer;
  /** What it is called by, for people who do not know it. */
  @Column('uuid') id!: string;
  @Column('text') name!: string;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt!: Date | null;
}
