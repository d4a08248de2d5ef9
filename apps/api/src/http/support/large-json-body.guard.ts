import { type CanActivate, type ExecutionContext, Injectable, mixin, type Type } from '@nestjs/common';
import { type IncomingMessage } from 'node:http';
import { type Request } from 'express';
import { readJson } from './json-body.js';

/** Routes that read their bodies themselves, be it behind the guard that knows who asks or byte for byte: `METHOD /path`. */
const LARGE = new Set(['POST /api/admin/reconcile', 'POST /api/webhooks/stripe']);

/** Whether the body of this request is left to its route. */
export const takesLargeBody = ({ method, url }: IncomingMessage): boolean => LARGE.has(`${method ?? ''} ${(url ?? '').split('?', 1)[0]!}`);

/**
 * Reads a JSON body of up to `limit` bytes once the caller is known to be allowed here: strangers cannot make this
 * process hold and parse what only operators send. Name the route in `LARGE`, and put the guard on the method: Nest
 * asks global guards, so the access check, first.
 */
export function LargeJsonBody(limit: number): Type<CanActivate> {
  @Injectable()
  class LargeJsonBodyGuard implements CanActivate {
    async canActivate(context: ExecutionContext): Promise<boolean> {
      const request = context.switchToHttp().getRequest<Request>();
      // Reached by another spelling of its path, it is an ordinary body, and was parsed as one.
      if (request.body === undefined) request.body = await readJson(request, limit);
      return true;
    }
  }
  return mixin(LargeJsonBodyGuard);
}
