import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `feature_flags`. Only rows whose name is defined in code mean anything. */
@Entity({ name: 'feature_flags' })
export class FeatureFlagEntity {
  @PrimaryColumn('text')
  name!: string;

  @Column('boolean', { default: false })
  enabled!: boolean;

  /** Customers for whom the flag is on although `enabled` is false. */
  @Column('text', { name: 'also_for', array: true, default: () => `'{}'` })
  alsoFor!: string[];

  /** Who set it last; `default` until an admin has. */
  @Column('text', { name: 'updated_by', default: 'default' })
  updatedBy!: string;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
