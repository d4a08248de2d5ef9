import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { newId } from '@apex/common';
import { type AuditQuery } from '../core/inputs.js';
import { type AuditEntryView, type ListOf } from '../core/views.js';
import { AuditLogEntity } from '../entities/audit-log.entity.js';

/** One change by one actor. `before` and `after` hold what people may read later: never a secret, never a hash. */
export interface AuditEntry {
  /** `actorOf(caller)`, or `system:<what>` for Apex itself. */
  readonly actor: string;
  /** What was done, e.g. `customer.update`. */
  readonly action: string;
  /** To what, e.g. `customer:acme`. */
  readonly target: string;
  readonly before?: Record<string, unknown> | null;
  readonly after?: Record<string, unknown> | null;
  readonly reason?: string | null;
}

/** The append-only record of changes. */
@Injectable()
export class AuditLog {
  constructor(private readonly dataSource: DataSource) {}

  /** Appends one entry. Inside a transaction (`manager`) the entry stands or falls with the change it tells of. */
  async record(entry: AuditEntry, manager: EntityManager = this.dataSource.manager): Promise<void> {
    const json = (value: Record<string, unknown> | null | undefined): string | null => (value ? JSON.stringify(value) : null);
    await manager.query('insert into audit_log (id, actor, action, target, before, after, reason) values ($1, $2, $3, $4, $5, $6, $7)', [
      newId(),
      entry.actor,
      entry.action,
      entry.target,
      json(entry.before),
      json(entry.after),
      entry.reason ?? null,
    ]);
  }

  /** Entries of `[from, to)`, newest first. `next` is the `before` of the following page, null at the end. */
  async list({ from, to, before, limit }: AuditQuery): Promise<ListOf<AuditEntryView>> {
    const query = this.dataSource.createQueryBuilder(AuditLogEntity, 'a').orderBy('a.id', 'DESC').limit(limit + 1);
    if (from) query.andWhere('a.at >= :from', { from });
    if (to) query.andWhere('a.at < :to', { to });
    if (before) query.andWhere('a.id < :before', { before });
    const rows = await query.getMany();
    const page = rows.slice(0, limit);
    return { data: page.map((row) => ({ ...row, at: row.at.toISOString() })), next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
  }
}
