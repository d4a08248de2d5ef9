/**
 * The load generator of last resort, where wrk cannot be had: raw sockets in a process of its own. It costs more CPU
 * than wrk, so its figures compare only with each other. Reads a LoadPlan as JSON from argv, prints a LoadResult.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { percentile, responseEnd } from './response-framing.js';
import { type LoadPlan, type LoadResult } from './load.js';

const plan = JSON.parse(process.argv[2] as string) as LoadPlan;
const target = new URL(plan.url);
const secure = target.protocol === 'https:';
const headers = Object.entries({ host: target.host, 'content-length': String(Buffer.byteLength(plan.body)), ...plan.headers });
const request = Buffer.from(`POST ${target.pathname} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${plan.body}`);

const latenciesUs: number[] = [];
let bytesReceived = 0;
let errors = 0;
let over = false;
const sockets = new Set<Socket>();

function open(): void {
  const to = { host: target.hostname, port: Number(target.port), noDelay: true };
  // Like wrk it does not ask who answers: only the upstream of this bench is ever met over TLS.
  const socket = secure ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
  sockets.add(socket);
  let sentAt = 0;
  let pending: Buffer | null = null;
  const send = (): void => {
    sentAt = performance.now();
    socket.write(request);
  };
  socket.once(secure ? 'secureConnect' : 'connect', send);
  socket.on('data', (chunk: Buffer) => {
    if (over) return;
    bytesReceived += chunk.length;
    pending = pending ? Buffer.concat([pending, chunk]) : chunk;
    const end = responseEnd(pending);
    if (end < 0) return;
    latenciesUs.push((performance.now() - sentAt) * 1000);
    if (Number(pending.toString('latin1', 9, 12)) >= 400) errors++;
    pending = null;
    send();
  });
  const lost = (): void => {
    if (!sockets.delete(socket) || over) return;
    errors++;
    setTimeout(open, 10);
  };
  socket.once('error', lost);
  socket.once('close', lost);
}

const startedAt = performance.now();
for (let i = 0; i < plan.connections; i++) open();
setTimeout(() => {
  over = true;
  const seconds = (performance.now() - startedAt) / 1000;
  latenciesUs.sort((a, b) => a - b);
  const result: LoadResult = {
    completed: latenciesUs.length,
    seconds,
    requestsPerSecond: latenciesUs.length / seconds,
    p50Us: Math.round(percentile(latenciesUs, 0.5)),
    p99Us: Math.round(percentile(latenciesUs, 0.99)),
    bytesReceived,
    errors,
  };
  console.log(JSON.stringify(result));
  process.exit(0);
}, plan.seconds * 1000);
