import { Controller, Get, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, Caller, type CallerContext } from '@apex/auth';
import { reasonSchema } from '@apex/common';
import { FlagsService, type FlagView } from '@apex/flags';
import { ZodBody } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const bodySchema = z.strictObject({ enabled: z.boolean(), reason: reasonSchema });
const flagSchema = z.object({
  name: z.string(),
  description: z.string(),
  enabled: z.boolean(),
  authority: z.enum(['apex', 'unleash', 'unleash_last_known']).describe('Who decides: this API, the Unleash server (a PUT is refused), or what that server said when it still listed it'),
  alsoFor: z.array(z.string()).describe('Customers for whom it is on although `enabled` is false'),
  updatedBy: z.string(),
  updatedAt: z.iso.datetime().nullable(),
});

@ApiTags('admin')
@Controller('api/admin/flags')
@AdminOnly()
export class FlagsController {
  constructor(private readonly flags: FlagsService) {}

  @Get()
  @ZodResponse(200, z.object({ data: z.array(flagSchema), next: z.null() }))
  async list(): Promise<{ data: FlagView[]; next: null }> {
    // The control plane's shape of a list; this one is short and has no second page.
    return { data: await this.flags.list(), next: null };
  }

  @Get(':name')
  @ZodResponse(200, flagSchema)
  get(@Param('name') name: string): Promise<FlagView> {
    return this.flags.get(name);
  }

  @Put(':name')
  @ZodResponse(200, flagSchema)
  set(@Param('name') name: string, @ZodBody(bodySchema) body: z.output<typeof bodySchema>, @Caller() caller: CallerContext): Promise<FlagView> {
    return this.flags.set(name, body.enabled, { actor: actorOf(caller), reason: body.reason });
  }
}
