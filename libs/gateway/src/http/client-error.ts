import { type Duplex } from 'node:stream';
import { type Refusal } from '../core/call.js';
import { refusals } from '../core/refusals.js';
import { openAiErrorBody } from '../core/surfaces/openai-errors.js';

/**
 * What node:http refuses by itself, before anybody sees a request, told in the shape of every other error. As in Node's
 * own listener, nothing is written once an answer to an earlier request has begun on this connection.
 */
export function onClientError(error: NodeJS.ErrnoException, socket: Duplex & { _httpMessage?: { headersSent: boolean } | null }): void {
  refuseConnection(error.code, socket, socket._httpMessage?.headersSent === true);
  socket.destroy(error);
}

/** Tells the client what it has done wrong, by node:http's code of it, unless that would stand between an answer's bytes. */
export function refuseConnection(code: string | undefined, socket: Duplex, answerBegun: boolean): void {
  if (!socket.writable || answerBegun) return;
  const refusal = refusalOf(code);
  const body = openAiErrorBody(refusal);
  socket.write(`HTTP/1.1 ${refusal.httpStatus} ${REASONS[refusal.httpStatus] ?? ''}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`);
  socket.write(body);
}

const REASONS: Readonly<Record<number, string>> = { 400: 'Bad Request', 408: 'Request Timeout', 413: 'Payload Too Large', 431: 'Request Header Fields Too Large' };

const BY_CODE: Readonly<Record<string, () => Refusal>> = {
  HPE_HEADER_OVERFLOW: refusals.headersTooLarge,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: refusals.chunkExtensionsTooLarge,
  ERR_HTTP_REQUEST_TIMEOUT: refusals.requestTooSlow,
};

const refusalOf = (code = ''): Refusal => (BY_CODE[code] ?? refusals.malformedHttp)();
