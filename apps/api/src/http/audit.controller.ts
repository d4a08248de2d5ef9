import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AdminOnly, auditEntryViewSchema, AuditLog, auditQuerySchema, listOf, type AuditEntryView, type AuditQuery, type ListOf } from '@apex/auth';
import { ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

@ApiTags('admin')
@Controller('api/admin/audit')
@AdminOnly()
export class AuditController {
  constructor(private readonly audit: AuditLog) {}

  @Get()
  @ZodResponse(200, listOf(auditEntryViewSchema), 'Newest first.')
  list(@ZodQuery(auditQuerySchema) query: AuditQuery): Promise<ListOf<AuditEntryView>> {
    return this.audit.list(query);
  }
}
