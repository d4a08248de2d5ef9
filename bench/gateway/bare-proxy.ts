/**
 * The yardstick: the least a Node proxy can do. node:http in, undici out, the body passed on as bytes, headers copied,
 * back-pressure and a client's leaving respected; nothing parsed, checked, counted or recorded.
 * `node bare-proxy.js UPSTREAM_ORIGIN` prints `listening PORT` and runs until SIGTERM.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Pool, type Dispatcher } from 'undici';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'content-length', 'expect']);

const origin = process.argv[2];
if (!origin) throw new Error('usage: bare-proxy UPSTREAM_ORIGIN');
const pool = new Pool(origin, { connections: 1024, pipelining: 1 });

function endToEnd(headers: IncomingHttpHeaders, keepLength: boolean): Record<string, string | string[]> {
  const copy: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && (!HOP_BY_HOP.has(name) || (keepLength && name === 'content-length'))) copy[name] = value;
  }
  return copy;
}

class Relay implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | null = null;

  constructor(private readonly res: ServerResponse) {}

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    this.res.once('close', () => {
      if (!this.res.writableEnded) controller.abort(new Error('the client has left'));
    });
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.res.writeHead(status, endToEnd(headers, true));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.res.write(chunk)) return;
    controller.pause();
    this.res.once('drain', () => this.controller?.resume());
  }

  onResponseEnd(): void {
    this.res.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.res.headersSent) {
      this.res.destroy(error);
      return;
    }
    this.res.writeHead(502, { 'content-type': 'application/json' });
    this.res.end(JSON.stringify({ error: { message: error.message } }));
  }
}

function handle(req: IncomingMessage, res: ServerResponse): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  req.on('data', (chunk: Buffer) => {
    if (!first) first = chunk;
    else (more ??= [first]).push(chunk);
  });
  req.on('end', () => {
    const body = more ? Buffer.concat(more) : first ?? null;
    pool.dispatch({ method: req.method as Dispatcher.HttpMethod, path: req.url as string, headers: endToEnd(req.headers, false), body }, new Relay(res));
  });
}

const server = createServer(handle);
server.listen(0, '127.0.0.1', 1024, () => console.log(`listening ${(server.address() as AddressInfo).port}`));
process.on('SIGTERM', () => process.exit(0));
