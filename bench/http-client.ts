/**
 * What a call to a provider costs in the client: libs/http1 and undici in turns, in one process, against the same
 * upstream in another; beside them the bare socket, which writes fixed bytes and counts what comes: what no client on
 * Node can go below. Run after a build: `node dist/bench/http-client.js [rounds] [requests a round] [client]`.
 */
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { HttpClient } from '@apex/http1';
import { Agent } from 'undici';
import { startChild } from './gateway/child.js';
import { cacheDir, programPath } from './gateway/paths.js';
import { chatBody } from './gateway/requests.js';
import { median, medianRatio, rotated } from './gateway/stats.js';

const ROUNDS = Number(process.argv[2] ?? 7);
const REQUESTS = Number(process.argv[3] ?? 40_000);
const ONLY = process.argv[4];
const IN_FLIGHT = 64;
const BODY_BYTES = 1024;
const BARE = 'bare socket';
const MODES = ['json', 'sse'] as const;

interface Variant {
  readonly name: string;
  /** Sends one request; `done` gets the bytes of the answer's body. */
  send(body: Buffer, done: (bytes: number) => void): void;
  close(): Promise<unknown>;
}

const fail = (what: string): never => {
  throw new Error(`a call failed: ${what}`);
};

/** As the gateway's: some of the same for every call, one of its own. */
let calls = 0;
const headersOf = (): Record<string, string> => ({
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: 'Bearer sk-0123456789abcdef0123456789abcdef',
  'x-client-request-id': `0198a1b2-0000-7000-8000-${String(calls++).padStart(12, '0')}`,
  'user-agent': 'netra-apex',
});

function own(origin: string): Variant {
  const client = new HttpClient({ connections: IN_FLIGHT, connectTimeoutMs: 5_000 });
  return {
    name: 'http1',
    send(body, done) {
      let bytes = 0;
      client.call(
        { origin, path: '/v1/chat/completions', method: 'POST', headers: headersOf(), body, firstByteTimeoutMs: 600_000, idleTimeoutMs: 120_000 },
        { onHead: () => undefined, onData: (chunk) => (bytes += chunk.length), onEnd: () => done(bytes), onFailure: fail },
      );
    },
    close: () => client.close(),
  };
}

function peer(origin: string): Variant {
  const agent = new Agent({ connections: IN_FLIGHT, pipelining: 1, allowH2: false });
  return {
    name: 'undici',
    send(body, done) {
      let bytes = 0;
      agent.dispatch(
        { origin, path: '/v1/chat/completions', method: 'POST', headers: headersOf(), body, headersTimeout: 600_000, bodyTimeout: 120_000 },
        {
          onRequestStart: () => undefined,
          onResponseStart: () => undefined,
          onResponseData: (_controller, chunk) => void (bytes += chunk.length),
          onResponseEnd: () => done(bytes),
          onResponseError: (_controller, error) => fail(String(error)),
        },
      );
    },
    close: () => agent.close(),
  };
}

function floor(origin: string): Variant {
  const { hostname, port } = new URL(origin);
  const free: ((body: Buffer, done: (bytes: number) => void) => void)[] = [];
  const sockets = new Set<{ destroy(): unknown }>();
  const ends = Buffer.from('\r\n\r\n');
  const buffer = Buffer.allocUnsafeSlow(1 << 16);
  // Answers of one kind are equally long: told once by a look at the first.
  const lengths = new Map<number, number>();
  const open = (): ((body: Buffer, done: (bytes: number) => void) => void) => {
    let left = 0;
    let kind = 0;
    let body = 0;
    let over: (bytes: number) => void = () => undefined;
    const socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer,
        callback: (length, bytes) => {
          left -= length;
          if (left < 0) {
            // The first answer of its kind, which the upstream sends in one write.
            const head = Buffer.from(bytes).indexOf(ends) + 4;
            body = length - head;
            lengths.set(kind, length);
            left = 0;
          }
          if (left > 0) return true;
          free.push(send);
          over(body);
          return true;
        },
      },
    });
    sockets.add(socket);
    let written = Buffer.alloc(0);
    const send = (content: Buffer, done: (bytes: number) => void): void => {
      if (kind !== content.length) {
        kind = content.length;
        written = Buffer.concat([Buffer.from(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${content.length}\r\n\r\n`), content]);
      }
      left = lengths.get(kind) ?? 0;
      over = done;
      socket.write(written);
    };
    return send;
  };
  return {
    name: BARE,
    send: (body, done) => (free.pop() ?? open())(body, done),
    close: () => Promise.resolve([...sockets].map((socket) => socket.destroy())),
  };
}

function play(variant: Variant, body: Buffer, requests: number): Promise<number> {
  return new Promise((resolve) => {
    let started = 0;
    let ended = 0;
    let received = 0;
    const next = (): void => {
      if (started++ < requests) variant.send(body, done);
    };
    const done = (bytes: number): void => {
      received += bytes;
      if (++ended === requests) resolve(received / requests);
      else next();
    };
    for (let i = 0; i < IN_FLIGHT; i++) next();
  });
}

async function measure(variant: Variant, body: Buffer): Promise<number> {
  const before = process.cpuUsage();
  await play(variant, body, REQUESTS);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / REQUESTS;
}

const logs = join(cacheDir, 'bench-logs');
mkdirSync(logs, { recursive: true });
const upstream = await startChild({
  command: process.execPath,
  args: [programPath('fast-upstream')],
  core: null,
  logFile: join(logs, 'http-client-upstream.log'),
  readyWhen: /listening (\d+)/,
  readyWithinMs: 10_000,
});
try {
  const origin = `http://127.0.0.1:${upstream.ready[1]}`;
  const variants = [own(origin), peer(origin), floor(origin)].filter(({ name }) => ONLY === undefined || name === ONLY);
  for (const mode of MODES) {
    // A stream's request is one byte longer, so that the bare socket can tell its answers from the others.
    const body = Buffer.from(chatBody(mode, mode === 'json' ? BODY_BYTES : BODY_BYTES + 1));
    const figures = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
    const sizes = new Set<number>();
    for (const variant of variants) {
      const size = await play(variant, body, Math.max(IN_FLIGHT, REQUESTS / 4));
      // The bare socket knows nothing of chunks.
      if (variant.name !== BARE) sizes.add(size);
    }
    if (sizes.size > 1) throw new Error(`the clients saw answers of different sizes: ${[...sizes].join(', ')} bytes`);
    for (let round = 0; round < ROUNDS; round++) {
      for (const variant of rotated(variants, round)) figures.get(variant.name)!.push(await measure(variant, body));
    }
    for (const { name } of variants) {
      const values = figures.get(name)!;
      console.log(`${mode}  ${name.padEnd(12)} ${median(values).toFixed(2).padStart(6)} us CPU per request (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`);
    }
    if (ONLY === undefined) console.log(`${mode}  http1 / undici: ${medianRatio(figures.get('http1')!, figures.get('undici')!).toFixed(2)} of the CPU`);
  }
  for (const variant of variants) await variant.close();
} finally {
  await upstream.stop();
}
