import { type Request, type Response } from 'express';
import { All, Controller, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { actorOf, AdminOnly, AuditLog, Caller, type CallerContext } from '@apex/auth';
import { ApexError, notFound } from '@apex/common';
import { JobQueues } from '@apex/queue';

const BASE = '/api/admin/queues';

/** The board's own scripts, styles and calls. Fonts from elsewhere are done without. */
const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

type Board = (request: Request, response: Response, next: (error?: unknown) => void) => void;

/**
 * Bull Board: the jobs that wait, run and failed. Its page, its assets and its calls go through the guard like every other
 * route; what it changes is audited.
 */
@ApiExcludeController()
@Controller('api/admin/queues')
@AdminOnly()
export class QueuesController {
  private board: Board | null = null;

  constructor(
    private readonly queues: JobQueues,
    private readonly audit: AuditLog,
  ) {}

  @All(['', '*path'])
  async show(@Req() request: Request, @Res() response: Response, @Caller() caller: CallerContext): Promise<void> {
    const path = request.url.slice(BASE.length) || '/';
    const { connection } = this.queues;
    // Asked of a Redis that is away, it would wait for it.
    if (path.startsWith('/api/') && connection !== null && connection.status !== 'ready') throw new ApexError('queues_unavailable', 503, 'Redis is away: jobs wait, and cannot be looked at.', { severity: 'operational' });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      await this.audit.record({ actor: actorOf(caller), action: 'queues.change', target: `queues:${path.split('?')[0]!.slice(0, 500)}`, after: { method: request.method } });
    }
    response.setHeader('content-security-policy', PAGE_POLICY);
    request.url = path;
    this.board ??= this.build();
    await this.answer(this.board, request, response);
  }

  private answer(board: Board, request: Request, response: Response): Promise<void> {
    return new Promise((resolve, reject) => {
      response.once('close', resolve);
      board(request, response, (error) => reject(error instanceof Error ? error : notFound('page')));
    });
  }

  private build(): Board {
    const serverAdapter = new ExpressAdapter();
    serverAdapter.setBasePath(BASE);
    createBullBoard({ queues: this.queues.all().map((queue) => new BullMQAdapter(queue)), serverAdapter, options: { uiConfig: { boardTitle: 'Apex' } } });
    return serverAdapter.getRouter() as Board;
  }
}
