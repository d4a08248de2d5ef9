import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AdminOnly } from '@apex/auth';
import { TelemetryStatus } from '@apex/telemetry';
import { z } from 'zod';
import { ZodResponse } from './support/zod-response.js';

const feedSchema = z.object({
  waitingSeconds: z.number().describe('How long the oldest record that is not in ClickHouse yet has been waiting; 0 when none does'),
  copying: z.boolean().describe('Records from before ClickHouse are still being copied; until then Postgres answers'),
  keptFrom: z.iso.datetime().nullable().describe('ClickHouse has nothing older: Postgres answers for it'),
  sentAt: z.iso.datetime().nullable().describe('When ClickHouse last took something'),
  lastError: z.object({ at: z.iso.datetime(), message: z.string() }).nullable().describe('Older than sentAt: it has passed'),
});

const telemetrySchema = z.object({ store: z.enum(['postgres', 'clickhouse']), feed: feedSchema.nullable() });
type Telemetry = z.output<typeof telemetrySchema>;

@ApiTags('admin')
@Controller('api/admin/telemetry')
@AdminOnly()
export class TelemetryController {
  constructor(private readonly status: TelemetryStatus) {}

  /** Which store answers analytics, and how far behind the books it is. */
  @Get()
  @ZodResponse(200, telemetrySchema)
  async read(): Promise<Telemetry> {
    const feed = await this.status.feed();
    if (feed === null) return { store: this.status.store, feed: null };
    const { waitingMs, copying, keptFromMs, sentAt, failure } = feed;
    return {
      store: this.status.store,
      feed: {
        waitingSeconds: waitingMs / 1_000,
        copying,
        keptFrom: keptFromMs === 0 ? null : new Date(keptFromMs).toISOString(),
        sentAt: sentAt?.toISOString() ?? null,
        lastError: failure === null ? null : { at: failure.at.toISOString(), message: failure.message },
      },
    };
  }
}
