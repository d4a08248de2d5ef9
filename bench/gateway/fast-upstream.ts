/**
 * The upstream of the benchmarks: canned answers over node:net, so that the provider is never what is measured.
 * It prints `listening PORT`, with the argument `tls` also `tls PORT` before it, and runs until SIGTERM. `GET /stats`
 * says how many completions it has served: a target that answers without asking the upstream, or loses answers, shows there.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { cannedJson, cannedStream, Identifier, plainJson } from './canned.js';
import { nextRequest } from './framing.js';
import { CERTIFICATE, PRIVATE_KEY } from './tls-identity.js';

Buffer.poolSize = 1 << 20;

const STREAM = Buffer.from('"stream":true');
const INCLUDE_USAGE = Buffer.from('"include_usage":true');
const json = cannedJson();
const stream = cannedStream(false);
const streamWithUsage = cannedStream(true);
const id = new Identifier();
const served = { json: 0, sse: 0 };

function answer(head: string, body: Buffer): Buffer {
  if (head.startsWith('GET /stats')) return plainJson('200 OK', served);
  if (head.startsWith('GET ')) return plainJson('200 OK', { object: 'list', data: [] });
  id.advance();
  if (body.indexOf(STREAM) < 0) {
    served.json++;
    return json.next(id);
  }
  served.sse++;
  return body.indexOf(INCLUDE_USAGE) < 0 ? stream.next(id) : streamWithUsage.next(id);
}

function serve(socket: Socket): void {
  let rest: Buffer | null = null;
  socket.setNoDelay(true);
  // A client that leaves in the middle of a run is the load generator's end of run, not an error.
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (let request = nextRequest(bytes, at); request; request = nextRequest(bytes, at)) {
      socket.write(answer(request.head, bytes.subarray(request.bodyStart, request.end)));
      at = request.end;
    }
    rest = at < bytes.length ? bytes.subarray(at) : null;
  });
}

function listen(server: Server, name: string, then?: () => void): void {
  server.listen(0, '127.0.0.1', 1024, () => {
    console.log(`${name} ${(server.address() as AddressInfo).port}`);
    then?.();
  });
}

const listenPlain = (): void => listen(createServer(serve), 'listening');
if (process.argv[2] === 'tls') listen(createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, serve), 'tls', listenPlain);
else listenPlain();
process.on('SIGTERM', () => process.exit(0));
