import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { type Request, type Response } from 'express';
import { errorBody, toApexError } from './error-body.js';
import { discardRest } from './json-body.js';

/** The one place where errors become answers. Bind it globally: `app.useGlobalFilters(new ApexErrorFilter())`. */
@Catch()
export class ApexErrorFilter implements ExceptionFilter {
  private readonly log = new Logger('Http');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const error = toApexError(thrown);
    if (error.severity !== 'expected') {
      const cause = error.options.cause ?? error;
      // The path without its query: a query may hold what nobody wants in a log.
      this.log.error(`${request.method} ${request.path} failed: ${error.code}`, cause instanceof Error ? cause.stack : undefined);
    }
    if (response.headersSent) {
      // A half-sent answer must not look like a whole one.
      response.destroy();
      return;
    }
    // Refused before its body was read: what still comes of it is not worth a connection.
    if (!request.complete) discardRest(request);
    if (error.httpStatus === 401) response.setHeader('www-authenticate', 'Bearer');
    const retryAfter = error.options.details?.retryAfterSeconds;
    if (typeof retryAfter === 'number') response.setHeader('retry-after', String(Math.ceil(retryAfter)));
    response.status(error.httpStatus).json(errorBody(error));
  }
}
