import { type ServerResponse } from 'node:http';
import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, Caller, CustomerAccess, CustomerId, type CallerContext } from '@apex/auth';
import { type InclusionProof, PAGE_POLICY, receiptLine, statementHash, type StatementDocument, statementPage, type StatementSummary, Statements } from '@apex/billing';
import { Clock, customerIdSchema, instantSchema } from '@apex/common';
import { canonicalJson } from '@apex/usage';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const summarySchema = z.object({
  id: z.uuid(),
  customerId: z.string(),
  periodStart: z.iso.datetime(),
  periodEnd: z.iso.datetime(),
  closedAt: z.iso.datetime(),
  hash: z.string().describe('SHA-256 of the document’s canonical JSON'),
  merkleRoot: z.string(),
  vbpCents: z.int(),
  chargedCents: z.int(),
});
/** docs/statement-format.md says what is in it; `format` names its version. */
const statementSchema = z.object({ document: z.looseObject({ format: z.string() }), hash: z.string() });
const proofSchema = z.object({
  statementId: z.uuid(),
  statementHash: z.string(),
  merkleRoot: z.string(),
  leaves: z.int(),
  leafIndex: z.int(),
  path: z.array(z.string()).describe('RFC 6962 audit path, from the leaf upwards'),
  receipt: z.looseObject({}),
});
const previewSchema = z.object({ from: instantSchema.optional().describe('An instant of the period that is looked at; default: now') });
const closeSchema = z.strictObject({ periodStart: instantSchema });

@ApiTags('statements')
@Controller('api')
export class StatementsController {
  constructor(
    private readonly statements: Statements,
    private readonly clock: Clock,
  ) {}

  /** Closed statements, newest first. */
  @Get('statements')
  @CustomerAccess('usage:read')
  @ZodResponse(200, z.object({ data: z.array(summarySchema) }))
  async list(@CustomerId() customerId: string): Promise<{ data: StatementSummary[] }> {
    return { data: await this.statements.list(customerId) };
  }

  /** An open period as it would be closed now. */
  @Get('statements/preview')
  @CustomerAccess('usage:read')
  @ZodResponse(200, statementSchema)
  async preview(@ZodQuery(previewSchema) { from }: z.output<typeof previewSchema>, @CustomerId() customerId: string, @Res() response: ServerResponse): Promise<void> {
    const document = await this.statements.preview(customerId, from ?? new Date(this.clock.now()));
    answer(response, document, statementHash(document));
  }

  /** A closed statement for people: one page, without scripts. */
  @Get('statements/:id.html')
  @CustomerAccess('usage:read')
  @ApiProduces('text/html')
  async page(@ZodParam('id', z.uuid()) id: string, @CustomerId() customerId: string, @Res() response: ServerResponse): Promise<void> {
    const { document, hash } = await this.statements.get(customerId, id);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': PAGE_POLICY }).end(statementPage(document, hash));
  }

  /** A closed statement, in the bytes that its verifier wants. */
  @Get('statements/:id')
  @CustomerAccess('usage:read')
  @ZodResponse(200, statementSchema)
  async get(@ZodParam('id', z.uuid()) id: string, @CustomerId() customerId: string, @Res() response: ServerResponse): Promise<void> {
    const { document, hash } = await this.statements.get(customerId, id);
    answer(response, document, hash);
  }

  /** What a closed statement is made of: receipts with what was learned about them, one JSON object per line. */
  @Get('statements/:id/receipts')
  @CustomerAccess('usage:read')
  @ApiProduces('application/jsonl')
  async receipts(@ZodParam('id', z.uuid()) id: string, @CustomerId() customerId: string, @Res() response: ServerResponse): Promise<void> {
    const { document } = await this.statements.get(customerId, id);
    const sealed = this.statements.receiptsOf(document);
    const first = await sealed.next();
    // Only now: until the store has answered, an error can still be told as one.
    response.writeHead(200, { 'content-type': 'application/jsonl; charset=utf-8' });
    try {
      for (let next = first; next.done !== true; next = await sealed.next()) {
        if (response.destroyed) return;
        if (!response.write(`${receiptLine(next.value)}\n`)) await new Promise((resolve) => void response.once('drain', resolve).once('close', resolve));
      }
      response.end();
    } catch {
      // A list that is cut off must not read like one that is complete.
      response.destroy();
    }
  }

  /** That a request's receipt is in a closed statement, for whoever has the receipt and the statement's root. */
  @Get('statements/:id/proof/:requestId')
  @CustomerAccess('usage:read')
  @ZodResponse(200, proofSchema)
  proof(@ZodParam('id', z.uuid()) id: string, @ZodParam('requestId', z.uuid()) requestId: string, @CustomerId() customerId: string): Promise<InclusionProof> {
    return this.statements.inclusionProof(customerId, id, requestId);
  }

  /** Closes a period that is due, before the next turn of the job that does. Closing it again changes nothing. */
  @Post('admin/customers/:id/statements')
  @HttpCode(200)
  @AdminOnly()
  @ZodResponse(200, z.object({ id: z.uuid(), created: z.boolean() }))
  close(@ZodParam('id', customerIdSchema) customerId: string, @ZodBody(closeSchema) { periodStart }: z.output<typeof closeSchema>, @Caller() caller: CallerContext): Promise<{ id: string; created: boolean }> {
    return this.statements.close(customerId, periodStart, actorOf(caller));
  }
}

const answer = (response: ServerResponse, document: StatementDocument, hash: string): void => void response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(canonicalJson({ document, hash }));
