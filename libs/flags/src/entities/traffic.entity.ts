import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { type Stickiness } from '../core/flag-state.js';

/** The one row of `traffic`. */
@Entity({ name: 'traffic' })
@Check('traffic_id_check', 'id = 1')
@Check('traffic_gateway_percentage_check', 'gateway_percentage between 0 and 100')
@Check('traffic_stickiness_check', `stickiness in ('customer', 'key', 'session')`)
export class TrafficEntity {
  @PrimaryColumn('smallint', { default: 1 })
  id!: number;

  @Column('smallint', { name: 'gateway_percentage', default: 0 })
  gatewayPercentage!: number;

  @Column('text', { default: 'customer' })
  stickiness!: Stickiness;

  /** Customers who are inside although the percentage leaves them out. */
  @Column('text', { name: 'also_for', array: true, default: () => `'{}'` })
  alsoFor!: string[];

  /** Who set it last; `default` until an admin has. */
  @Column('text', { name: 'updated_by', default: 'default' })
  updatedBy!: string;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
