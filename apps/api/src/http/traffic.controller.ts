import { Controller, Get, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, Caller, type CallerContext } from '@apex/auth';
import { reasonSchema } from '@apex/common';
import { FlagsService, percentageSchema, stickinessSchema, type TrafficView } from '@apex/flags';
import { ZodBody } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const bodySchema = z.strictObject({ gatewayPercentage: percentageSchema, stickiness: stickinessSchema.optional(), reason: reasonSchema });
const trafficSchema = z.object({
  gatewayPercentage: z.number().min(0).max(100).describe('Whole, unless Unleash decides; constraints of Unleash are not in it'),
  legacyPercentage: z.number().min(0).max(100).describe('The complement of gatewayPercentage; read-only'),
  stickiness: stickinessSchema,
  authority: z.enum(['apex', 'unleash', 'unleash_last_known']).describe('Who decides: this API, the Unleash server (a PUT is refused), or what that server said when it still listed it'),
  alsoFor: z.array(z.string()).describe('Customers who are inside although the percentage leaves them out'),
  realised: z.object({
    windowMinutes: z.int(),
    requests: z.int(),
    gatewayRequests: z.int(),
    share: z.number().nullable().describe('gatewayRequests / requests; null when there were none'),
  }),
  updatedBy: z.string(),
  updatedAt: z.iso.datetime(),
});

@ApiTags('admin')
@Controller('api/admin/traffic')
@AdminOnly()
export class TrafficController {
  constructor(private readonly flags: FlagsService) {}

  @Get()
  @ZodResponse(200, trafficSchema)
  get(): Promise<TrafficView> {
    return this.flags.traffic();
  }

  @Put()
  @ZodResponse(200, trafficSchema)
  set(@ZodBody(bodySchema) body: z.output<typeof bodySchema>, @Caller() caller: CallerContext): Promise<TrafficView> {
    const { reason, ...wanted } = body;
    return this.flags.setTraffic(wanted, { actor: actorOf(caller), reason });
  }
}
