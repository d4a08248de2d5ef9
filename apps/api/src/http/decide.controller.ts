import { Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { CustomerAccess, CustomerId } from '@apex/auth';
import { Clock } from '@apex/common';
import { ActivePolicies, armOf, clusterOf, DecisionLayer } from '@apex/policy';
import { MECHANISMS } from '@apex/usage';
import { ZodBody } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const bodySchema = z.strictObject({
  model: z.string().min(1).max(256),
  session: z.string().max(256).nullable().default(null).describe('`x-apex-session`'),
  keyId: z.uuid().optional().describe('Of the key that would ask; it tells conversations without a session apart'),
  firstUserMessage: z.string().max(100_000).default('').describe('As it stands in the request, JSON included'),
  deterministic: z.boolean().default(false).describe('Temperature 0, or a seed'),
  cache: z.enum(['off', 'exact', 'semantic']).nullable().default(null).describe('`x-apex-cache`'),
});
const answerSchema = z.object({
  policy: z.object({ id: z.string(), version: z.int(), customerId: z.string().nullable() }),
  arm: z.enum(['treated', 'control']).nullable().describe('null: this period’s secret is not known yet, and nothing acts'),
  mechanisms: z.array(z.object({ mechanism: z.enum(MECHANISMS), use: z.boolean(), reason: z.string() })),
});

@ApiTags('savings')
@Controller('api/decide')
@CustomerAccess('usage:read')
export class DecideController {
  constructor(
    private readonly policies: ActivePolicies,
    private readonly decisions: DecisionLayer,
    private readonly clock: Clock,
  ) {}

  /** What the policy says of a request, and why; nothing is executed. */
  @Post()
  @HttpCode(200)
  @ZodResponse(200, answerSchema)
  explain(@ZodBody(bodySchema) body: z.output<typeof bodySchema>, @CustomerId() customerId: string): z.output<typeof answerSchema> {
    const policy = this.policies.of(customerId);
    const secret = this.policies.secretAt(customerId, this.clock.now());
    const cluster = clusterOf(customerId, body.keyId ?? '', body.session, Buffer.from(body.firstUserMessage));
    const arm = secret === null ? null : armOf(secret, cluster, policy.document.experiment.controlPpm);
    const { reasons } = this.decisions.explain({ customerId, model: body.model, deterministic: body.deterministic, cacheHeader: body.cache, cluster, arm: arm ?? 'control' }, policy);
    return { policy: { id: policy.id, version: policy.version, customerId: policy.customerId }, arm, mechanisms: [...reasons] };
  }
}
