import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Who changed what, when, from what, to what, why. Append-only: a trigger refuses everything else. */
@Entity('audit_log')
@Index('audit_log_at', ['at'])
export class AuditLogEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'audit_log_pkey' }) id!: string;
  @Column('timestamptz', { default: () => 'now()' }) at!: Date;
  @Column('text') actor!: string;
  @Column('text') action!: string;
  @Column('text') target!: string;
  @Column('jsonb', { nullable: true }) before!: Record<string, unknown> | null;
  @Column('jsonb', { nullable: true }) after!: Record<string, unknown> | null;
  @Column('text', { nullable: true }) reason!: string | null;
}
