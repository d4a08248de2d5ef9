import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@apex/queue';
import { TelemetryStatus } from '@apex/telemetry';
import { DataSource } from 'typeorm';
import { type GroupState, ProcessGroup } from './process-group.js';

export interface Check {
  readonly status: 'up' | 'down' | 'absent';
  readonly note?: string;
}

export interface Health {
  readonly status: 'ok' | 'degraded';
  readonly uptimeSeconds: number;
  readonly checks: Readonly<Record<string, Check>>;
  /** The processes behind this port, and which of them (`worker`, from 1) answers. */
  readonly processes: GroupState & { readonly worker: number };
}

export const REDIS_NOTE = Symbol('REDIS_NOTE');

/** How long a store may take to say that it is there. */
const PATIENCE_MS = 1_000;

/**
 * Says what is up. A gateway without its stores, or without some of its processes, is `degraded`, not dead: known keys
 * go on, usage waits in the journal.
 */
@Injectable()
export class HealthService {
  private traffic = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly bus: Bus,
    @Inject(REDIS_NOTE) private readonly redisNote: { readonly note: string | null },
    private readonly group: ProcessGroup,
    private readonly telemetry: TelemetryStatus,
  ) {}

  get takesTraffic(): boolean {
    return this.traffic;
  }

  setTakesTraffic(takes: boolean): void {
    this.traffic = takes;
  }

  async check(): Promise<Health> {
    const [postgres, clickhouse] = await Promise.all([this.postgres(), this.telemetry.check()]);
    const redis: Check = this.bus.connected === null ? { status: 'absent', ...(this.redisNote.note === null ? {} : { note: this.redisNote.note }) } : { status: this.bus.connected ? 'up' : 'down' };
    const processes = { worker: this.group.worker, ...this.group.state() };
    const ok = postgres.status === 'up' && redis.status === 'up' && clickhouse !== 'down' && processes.serving === processes.configured;
    return { status: ok ? 'ok' : 'degraded', uptimeSeconds: Math.floor(process.uptime()), checks: { postgres, redis, ...(clickhouse === null ? {} : { clickhouse: { status: clickhouse } }) }, processes };
  }

  private async postgres(): Promise<Check> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, false)));
    const answered = this.dataSource.query('select 1').then(
      () => true,
      () => false,
    );
    try {
      return { status: (await Promise.race([answered, late])) ? 'up' : 'down' };
    } finally {
      clearTimeout(timer);
    }
  }
}
