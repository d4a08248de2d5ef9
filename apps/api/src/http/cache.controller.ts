import { Controller, Delete } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AuditLog, Caller, type CallerContext, CustomerAccess, CustomerId, CustomersService, reasonQuerySchema } from '@apex/auth';
import { invalid } from '@apex/common';
import { type CacheSelector, cacheSelectorSchema, ResponseCache } from '@apex/gateway';
import { ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const querySchema = reasonQuerySchema.extend({
  all: z.literal('true').optional().describe('Every kept answer of the customer'),
  tag: z.string().optional().describe('Answers to requests with this tag (`x-apex-tags`)'),
  model: z.string().optional().describe('Answers that this model was asked for, or has given'),
  key: z.string().optional().describe('The one answer with this key (`x-apex-cache-key`)'),
});
const answerSchema = z.object({
  selector: cacheSelectorSchema,
  everywhere: z.boolean().describe('false: Redis is away. This process gives none of these answers any more, the others are told as soon as it is back'),
});

@ApiTags('savings')
@Controller('api/cache')
export class CacheController {
  constructor(
    private readonly cache: ResponseCache,
    private readonly customers: CustomersService,
    private readonly audit: AuditLog,
  ) {}

  /**
   * No answer that is kept or under way now, and that the selector meets, is given again: here from now on, in other
   * processes within a second. Exactly one of `all`, `tag`, `model` and `key`. Whoever may ask for answers may ask for new ones.
   */
  @Delete()
  @CustomerAccess('inference')
  @ZodResponse(200, answerSchema)
  async invalidate(@ZodQuery(querySchema) query: z.output<typeof querySchema>, @CustomerId() customerId: string, @Caller() caller: CallerContext): Promise<z.output<typeof answerSchema>> {
    const selector = selectorOf(query);
    // Programs invalidate when their data change, perhaps many times a second; a person's doing is worth an entry. It comes
    // first: what cannot be told of is not done.
    if (caller.kind !== 'key') {
      // An operator's slip of the pen must not read as done.
      const { id } = await this.customers.get(customerId);
      await this.audit.record({ actor: actorOf(caller), action: 'cache.invalidate', target: `customer:${id}`, after: { ...selector }, reason: query.reason });
    }
    return { selector, ...(await this.cache.invalidate(customerId, selector)) };
  }
}

function selectorOf({ all, tag, model, key }: z.output<typeof querySchema>): CacheSelector {
  const [given, ...more] = Object.entries({ all: all === undefined ? undefined : true, tag, model, key }).filter(([, value]) => value !== undefined);
  if (given === undefined || more.length > 0) throw invalid('Say which answers, by exactly one of all=true, tag, model and key.', more[0]?.[0] ?? 'all');
  const selector = cacheSelectorSchema.safeParse(Object.fromEntries([given]));
  if (!selector.success) throw invalid(`That is no ${given[0]}.`, given[0]);
  return selector.data;
}
