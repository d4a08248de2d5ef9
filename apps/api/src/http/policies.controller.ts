import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, Caller, type CallerContext } from '@apex/auth';
import { customerIdSchema, reasonSchema } from '@apex/common';
import { PoliciesService, policyDocumentSchema, type PolicyView } from '@apex/policy';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const policySchema = z.object({
  id: z.uuid(),
  customerId: z.string().nullable().describe('null: for everybody who has none of their own'),
  version: z.int(),
  status: z.enum(['draft', 'validated', 'active', 'retired']),
  document: policyDocumentSchema,
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  activatedAt: z.iso.datetime().nullable(),
  retiredAt: z.iso.datetime().nullable(),
});
const listQuerySchema = z.object({ customerId: customerIdSchema.optional() });
/** The document is checked by the service, which names what is wrong with it. */
const draftSchema = z.strictObject({ customerId: customerIdSchema.nullable().default(null), document: z.unknown(), reason: reasonSchema });
const stepSchema = z.strictObject({ reason: reasonSchema });

@ApiTags('admin')
@Controller('api/admin/policies')
@AdminOnly()
export class PoliciesController {
  constructor(private readonly policies: PoliciesService) {}

  @Get()
  @ZodResponse(200, z.object({ data: z.array(policySchema), next: z.null() }))
  async list(@ZodQuery(listQuerySchema) { customerId }: z.output<typeof listQuerySchema>): Promise<{ data: PolicyView[]; next: null }> {
    return { data: await this.policies.list(customerId), next: null };
  }

  @Get(':id')
  @ZodResponse(200, policySchema)
  get(@ZodParam('id', z.uuid()) id: string): Promise<PolicyView> {
    return this.policies.get(id);
  }

  /** The next version, as a draft. */
  @Post()
  @ZodResponse(201, policySchema)
  draft(@ZodBody(draftSchema) { customerId, document, reason }: z.output<typeof draftSchema>, @Caller() caller: CallerContext): Promise<PolicyView> {
    return this.policies.draft(customerId, document, { actor: actorOf(caller), reason });
  }

  @Post(':id/validate')
  @HttpCode(200)
  @ZodResponse(200, policySchema)
  validate(@ZodParam('id', z.uuid()) id: string, @ZodBody(stepSchema) { reason }: z.output<typeof stepSchema>, @Caller() caller: CallerContext): Promise<PolicyView> {
    return this.policies.validate(id, { actor: actorOf(caller), reason });
  }

  /** In force here when this answers, and everywhere within a second. */
  @Post(':id/activate')
  @HttpCode(200)
  @ZodResponse(200, policySchema)
  activate(@ZodParam('id', z.uuid()) id: string, @ZodBody(stepSchema) { reason }: z.output<typeof stepSchema>, @Caller() caller: CallerContext): Promise<PolicyView> {
    return this.policies.activate(id, { actor: actorOf(caller), reason });
  }

  @Post(':id/retire')
  @HttpCode(200)
  @ZodResponse(200, policySchema)
  retire(@ZodParam('id', z.uuid()) id: string, @ZodBody(stepSchema) { reason }: z.output<typeof stepSchema>, @Caller() caller: CallerContext): Promise<PolicyView> {
    return this.policies.retire(id, { actor: actorOf(caller), reason });
  }
}
