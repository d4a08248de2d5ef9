import { Injectable } from '@nestjs/common';
import { AuditLog } from '@apex/auth';
import { DataSource } from 'typeorm';
import { RollupChecks, type RollupStatus } from '../rollups/rollup-checks.service.js';
import { Rollups } from '../rollups/rollups.service.js';

/** What operators may do about rollups. */
@Injectable()
export class RollupAdmin {
  constructor(
    private readonly dataSource: DataSource,
    private readonly rollups: Rollups,
    private readonly checks: RollupChecks,
    private readonly audit: AuditLog,
  ) {}

  status(): Promise<RollupStatus> {
    return this.checks.status();
  }

  /** Has the days that touch `[from, to)` recomputed from the records by the next refresh. */
  async recompute(from: Date, to: Date, actor: string, reason: string): Promise<RollupStatus> {
    await this.dataSource.transaction(async (manager) => {
      await this.rollups.markPeriod(from, to, manager);
      await this.audit.record({ actor, action: 'rollups.recompute', target: 'rollups', after: { from: from.toISOString(), to: to.toISOString() }, reason }, manager);
    });
    return this.status();
  }
}
