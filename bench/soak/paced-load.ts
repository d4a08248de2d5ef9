/**
 * An open-loop load over raw sockets: so many requests a second whatever the answers do, JSON and streams in turn. A
 * request waits for a free connection when all are in use, and its latency counts from when it was due, so that a stall
 * is felt by all that it holds up. Reads a PacedPlan as JSON from argv, prints a PacedResult.
 */
import { connect, type Socket } from 'node:net';
import { percentile, responseEnd } from '../gateway/response-framing.js';

export interface PacedPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly string[];
  readonly connections: number;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface PacedResult {
  readonly completed: number;
  readonly errors: number;
  /** Due and never sent: the load could not be kept up. */
  readonly unsent: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const TICK_MS = 2;
const GRACE_MS = 10_000;

const plan = JSON.parse(process.argv[2] as string) as PacedPlan;
const target = new URL(plan.url);
const requests = plan.bodies.map((body) => {
  const headers = Object.entries({ host: target.host, 'content-length': String(Buffer.byteLength(body)), ...plan.headers });
  return Buffer.from(`POST ${target.pathname} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
});

interface Connection {
  readonly socket: Socket;
  dueAt: number | null;
  pending: Buffer | null;
}

const idle: Connection[] = [];
const due: number[] = [];
/** Of a long run a sample is enough: one latency in ten. */
const latenciesUs: number[] = [];
let sent = 0;
let completed = 0;
let errors = 0;

function open(): void {
  const connection: Connection = { socket: connect({ host: target.hostname, port: Number(target.port), noDelay: true }), dueAt: null, pending: null };
  const { socket } = connection;
  socket.once('connect', () => free(connection));
  socket.on('data', (chunk: Buffer) => {
    connection.pending = connection.pending ? Buffer.concat([connection.pending, chunk]) : chunk;
    if (responseEnd(connection.pending) < 0) return;
    if (Number(connection.pending.toString('latin1', 9, 12)) >= 400) errors++;
    else if (++completed % 10 === 0) latenciesUs.push((performance.now() - connection.dueAt!) * 1_000);
    connection.pending = connection.dueAt = null;
    free(connection);
  });
  socket.on('error', () => undefined);
  socket.once('close', () => {
    if (over) return;
    if (connection.dueAt !== null) errors++;
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    setTimeout(open, 10);
  });
}

function free(connection: Connection): void {
  const dueAt = due.shift();
  if (dueAt === undefined) idle.push(connection);
  else send(connection, dueAt);
}

function send(connection: Connection, dueAt: number): void {
  connection.dueAt = dueAt;
  connection.socket.write(requests[sent++ % requests.length]!);
}

let over = false;
const startedAt = performance.now();
let made = 0;
for (let i = 0; i < plan.connections; i++) open();
const timer = setInterval(() => {
  const now = performance.now();
  const wanted = Math.floor((Math.min(now - startedAt, plan.seconds * 1_000) / 1_000) * plan.perSecond);
  for (; made < wanted; made++) {
    const dueAt = startedAt + (made / plan.perSecond) * 1_000;
    const connection = idle.pop();
    if (connection === undefined) due.push(dueAt);
    else send(connection, dueAt);
  }
  const elapsed = now - startedAt;
  const everythingEnded = elapsed > plan.seconds * 1_000 && completed + errors >= made;
  if (!everythingEnded && elapsed < plan.seconds * 1_000 + GRACE_MS) return;
  over = true;
  clearInterval(timer);
  latenciesUs.sort((a, b) => a - b);
  const result: PacedResult = { completed, errors: errors + (sent - completed - errors), unsent: made - sent, p50Us: Math.round(percentile(latenciesUs, 0.5)), p99Us: Math.round(percentile(latenciesUs, 0.99)) };
  console.log(JSON.stringify(result));
  process.exit(0);
}, TICK_MS);
