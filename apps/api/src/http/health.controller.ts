import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Response } from 'express';
import { z } from 'zod';
import { Public } from '@apex/auth';
import { GatewayMetrics } from '@apex/telemetry';
import { type Health, HealthService } from '../health.service.js';
import { ProcessGroup } from '../process-group.js';
import { ZodResponse } from './support/zod-response.js';

const checkSchema = z.object({ status: z.enum(['up', 'down', 'absent']), note: z.string().optional() });
const processesSchema = z.object({ worker: z.int(), configured: z.int(), serving: z.int(), failing: z.int(), restarts: z.int() });
const healthSchema = z.object({ status: z.enum(['ok', 'degraded']), uptimeSeconds: z.number(), checks: z.record(z.string(), checkSchema), processes: processesSchema });

@ApiTags('operations')
@Controller()
@Public('Probes and scrapers have no key; nothing here names a customer.')
export class HealthController {
  constructor(
    private readonly health: HealthService,
    private readonly metrics: GatewayMetrics,
    private readonly group: ProcessGroup,
  ) {}

  /** Is the process alive, and what of the world around it is. Always 200: a store that is away does not stop requests. */
  @Get('health')
  @ZodResponse(200, healthSchema)
  check(): Promise<Health> {
    return this.health.check();
  }

  /** Should traffic come here: 503 while starting and while shutting down. */
  @Get('ready')
  ready(@Res({ passthrough: true }) response: Response): { ready: boolean } {
    const ready = this.health.takesTraffic;
    response.status(ready ? 200 : 503);
    return { ready };
  }

  @Get('metrics')
  @Header('cache-control', 'no-store')
  async scrape(@Res() response: Response): Promise<void> {
    const { contentType, body } = await this.group.render(this.metrics);
    response.type(contentType).send(body);
  }
}
