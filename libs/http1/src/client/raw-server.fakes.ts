import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { type CallControl, type CallEvents } from './call.js';
import { HttpClient, type HttpClientOptions } from './http-client.js';
import { type OutgoingRequest } from '../core/outgoing-head.js';

/** For localhost and 127.0.0.1, trusted by nobody, until 2126. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUZEZFoEmtThquYlj0pEd9Q3BDb6owCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAwNTg0M1oYDzIxMjYxMDMw
MDA1ODQzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASH6k/RWkqrGaHJB3kRcYuTGJcwzWcXFyW6xmx3MhVOos6Qsekyhi++
990VtrASeGsuko+xYN7EywB0yetdOimyo28wbTAdBgNVHQ4EFgQU0ClGpSHe+CRx
bVvcuxh2Q1Xi4h4wHwYDVR0jBBgwFoAU0ClGpSHe+CRxbVvcuxh2Q1Xi4h4wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAPe+1ApqI9f1WVxBp+fUbDJlS4aW9biE1dhyLi6aYFKnAiEA
gJg3t3Vn59r26EWwmOPXbtfYUsnva3FgX6W9nZodaI4=
-----END CERTIFICATE-----
`;

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8pzmcrQ65pUg5A2D
h4GLpGErogeT98JfgPQOrsjSENqhRANCAASH6k/RWkqrGaHJB3kRcYuTGJcwzWcX
FyW6xmx3MhVOos6Qsekyhi++990VtrASeGsuko+xYN7EywB0yetdOimy
-----END PRIVATE KEY-----
`;

export interface RawServer {
  readonly origin: string;
  /** One string per read. */
  readonly requests: string[];
  readonly sockets: Set<Socket>;
  /** Connections so far. */
  readonly accepted: () => number;
  /** Resolves with the next connection that is accepted from now on. */
  nextSocket(): Promise<Socket>;
  stopListening(): Promise<void>;
}

const closing: (() => Promise<unknown>)[] = [];

/** To be called after each test. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

/** A server of raw bytes: what it answers is up to the test. */
export async function serve(onRequest: (socket: Socket, request: string, count: number) => void, secure = false): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const waiting: ((socket: Socket) => void)[] = [];
  let accepted = 0;
  const take = (socket: Socket): void => {
    accepted++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      requests.push(data.toString('latin1'));
      onRequest(socket, data.toString('latin1'), requests.length);
    });
    for (const resolve of waiting.splice(0)) resolve(socket);
  };
  const server = secure ? createTlsServer({ key, cert: certificate, ALPNProtocols: ['h2', 'http/1.1'] }, take) : createServer({ noDelay: true }, take);
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stopListening = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  closing.push(stopListening);
  return {
    origin: `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sockets,
    accepted: () => accepted,
    nextSocket: () => new Promise((resolve) => waiting.push(resolve)),
    stopListening,
  };
}

export interface ServerBeside {
  readonly origin: string;
  /** Connections so far. */
  readonly accepted: () => number;
  /** Stands still, with all of this thread, until the server has answered so many requests. */
  readonly standUntil: (answers: number) => void;
}

const BESIDE = `
  const { parentPort, workerData: { identity, answer, counts } } = require('node:worker_threads');
  const server = require('node:tls').createServer(identity, (socket) => {
    Atomics.add(counts, 0, 1);
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write(answer, () => {
      Atomics.add(counts, 1, 1);
      Atomics.notify(counts, 1);
    }));
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/** A TLS server in a thread of its own: it answers while this one does nothing. One read is one request to it. */
export async function serveBeside(answer: string): Promise<ServerBeside> {
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(BESIDE, { eval: true, workerData: { identity: { key, cert: certificate, ALPNProtocols: ['http/1.1'] }, answer, counts } });
  closing.push(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  return {
    origin: `https://127.0.0.1:${port}`,
    accepted: () => Atomics.load(counts, 0),
    standUntil: (answers) => {
      // Nobody else in this thread could end the wait.
      for (let seen = Atomics.load(counts, 1); seen < answers; seen = Atomics.load(counts, 1)) {
        if (Atomics.wait(counts, 1, seen, 2_000) === 'timed-out') throw new Error(`${seen} answers, not ${answers}: the request has not left`);
      }
    },
  };
}

export function clientWith(options: Partial<HttpClientOptions> = {}): HttpClient {
  const client = new HttpClient({ connections: 4, connectTimeoutMs: 2_000, ...options });
  closing.push(() => client.destroy());
  return client;
}

export interface Heard {
  /** `head 200`, `data`, `end` or the failure, as they came. */
  readonly log: string[];
  readonly body: () => string;
  readonly headers: () => Readonly<Record<string, string | string[]>>;
  readonly control: CallControl;
  /** Resolves with `end`, or with the failure's name. */
  readonly over: Promise<string>;
  readonly head: Promise<number>;
  readonly firstData: Promise<string>;
}

/** A call whose events are written down. `onEvent` runs within each of them. */
export function call(client: HttpClient, origin: string, more: Partial<OutgoingRequest> = {}, onEvent?: (event: 'head' | 'data' | 'end', control: CallControl) => void): Heard {
  const log: string[] = [];
  const chunks: Buffer[] = [];
  let received: Readonly<Record<string, string | string[]>> = {};
  const over = Promise.withResolvers<string>();
  const head = Promise.withResolvers<number>();
  const firstData = Promise.withResolvers<string>();
  const events: CallEvents = {
    onHead(status, headers) {
      received = headers;
      log.push(`head ${status}`);
      head.resolve(status);
      onEvent?.('head', control);
    },
    onData(chunk) {
      log.push('data');
      chunks.push(chunk);
      firstData.resolve(chunk.toString('latin1'));
      onEvent?.('data', control);
    },
    onEnd() {
      log.push('end');
      onEvent?.('end', control);
      over.resolve('end');
    },
    onFailure(failure) {
      log.push(failure);
      over.resolve(failure);
    },
  };
  const request: OutgoingRequest = {
    origin,
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{}'),
    firstByteTimeoutMs: 10_000,
    idleTimeoutMs: 10_000,
    ...more,
  };
  const control = client.call(request, events)!;
  return { log, body: () => Buffer.concat(chunks).toString('latin1'), headers: () => received, control, over: over.promise, head: head.promise, firstData: firstData.promise };
}

/** Turns of the event loop until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

export const OK = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello';
