import { isUtf8 } from 'node:buffer';
import { type IncomingMessage } from 'node:http';
import { ApexError } from '@apex/common';
import { type NextFunction, type Request, type RequestHandler, type Response } from 'express';

/** What is read and thrown away of a body that nobody wants, so that the refusal reaches a client that is still sending. */
const DISCARD_BYTES = 1024 * 1024;

/** Parses the JSON bodies of requests into `request.body`, up to `limit` bytes; those that `leaves` names are left to their routes. */
export function jsonBodies(limit: number, leaves: (request: IncomingMessage) => boolean): RequestHandler {
  return (request: Request, _response: Response, next: NextFunction) => {
    if (leaves(request) || !hasBody(request) || !isJson(request)) return next();
    readJson(request, limit).then((body: unknown) => {
      request.body = body;
      next();
    }, next);
  };
}

/**
 * The request's JSON body; undefined for an empty one.
 * @throws ApexError 400 `malformed_json` | `client_closed_request`, 413 `body_too_large`, 415 `unsupported_media_type`
 */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const bytes = await readBody(request, limit);
  if (bytes.length === 0) return undefined;
  // The parser's own message quotes the body.
  const malformed = (): ApexError => new ApexError('malformed_json', 400, 'The body is not valid JSON.');
  if (!isUtf8(bytes)) throw malformed();
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    throw malformed();
  }
}

/** Takes in what little may still come of a body that is not read, and cuts the connection if it is more. */
export function discardRest(request: IncomingMessage): void {
  let size = 0;
  request.on('error', () => undefined);
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > DISCARD_BYTES) request.destroy();
  });
  request.resume();
}

/**
 * The bytes of a JSON body as they came.
 * @throws ApexError 400 `client_closed_request`, 413 `body_too_large`, 415 `unsupported_media_type`
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (!isJson(request) || (request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new ApexError('unsupported_media_type', 415, 'Send the body as application/json, not compressed.');
  }
  const tooLarge = (): ApexError => new ApexError('body_too_large', 413, 'The body is too large.', { details: { limit } });
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Who stops in the middle must not lose the connection that the refusal goes out on.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof ApexError ? error : new ApexError('client_closed_request', 400, 'The body was broken off.', { cause: error });
  }
  return Buffer.concat(chunks, size);
}

const hasBody = (request: IncomingMessage): boolean => request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;

const isJson = (request: IncomingMessage): boolean => /^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '');
