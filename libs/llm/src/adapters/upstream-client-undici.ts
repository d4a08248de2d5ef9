import { guardedLookup } from '@apex/host';
import { createRequire } from 'node:module';
import type * as Undici from 'undici';
import { type Agent, type Dispatcher, type EnvHttpProxyAgent } from 'undici';
import { type UpstreamFailure, classifyUpstreamError } from '../core/upstream-failure.js';
import { type ProxySettings } from '../core/upstream-proxies.js';
import { type UpstreamControl, type UpstreamEvents, type UpstreamRequest } from './upstream-client.types.js';

const ABORTED = new Error('the call was aborted');

/** undici's clock for its time-outs ticks every half second and may be a second late: a short wait has a timer of its own. */
const COARSE_IS_GOOD_FROM_MS = 60_000;

/** Loaded when it is first needed: it takes some 25 MB, and most processes never need it. */
const loadUndici = () => createRequire(import.meta.url)('undici') as typeof Undici;

/** The same calls over undici: for what `HttpClient` declines, and by way of proxies. */
export class UndiciClient {
  private readonly agent: Agent | EnvHttpProxyAgent;
  private readonly live = new Set<UndiciCall>();

  constructor(private readonly options: { readonly connections: number; readonly connectTimeoutMs: number; readonly proxies: ProxySettings | null }) {
    const { proxies } = options;
    const { Agent, EnvHttpProxyAgent } = loadUndici();
    const settings = { connections: options.connections, pipelining: 1, allowH2: false, connect: { timeout: options.connectTimeoutMs, lookup: guardedLookup('operator') } };
    // An empty string, as undici would look into the environment for what is not given.
    this.agent = proxies === null ? new Agent(settings) : new EnvHttpProxyAgent({ ...settings, httpProxy: proxies.http ?? '', httpsProxy: proxies.https ?? '', noProxy: proxies.except });
  }

  call(request: UpstreamRequest, events: UpstreamEvents): UpstreamControl {
    const call = new UndiciCall(events, this.live, request.firstByteTimeoutMs);
    this.live.add(call);
    const free = this.agent.dispatch(
      {
        origin: request.origin,
        path: request.path,
        method: request.method,
        headers: request.headers,
        body: request.body,
        headersTimeout: request.firstByteTimeoutMs,
        bodyTimeout: request.idleTimeoutMs,
      },
      call,
    );
    call.dispatched(free ? null : this.options.connectTimeoutMs);
    return call;
  }

  /** Per origin with any connection; nothing of what goes by way of a proxy. */
  stats(): Record<string, { connected: number; running: number; waiting: number }> {
    if (!('stats' in this.agent)) return {};
    return Object.fromEntries(Object.entries(this.agent.stats).map(([origin, { connected, running, pending }]) => [origin, { connected: Number(connected), running, waiting: pending }]));
  }

  close(): Promise<void> {
    return this.agent.close();
  }

  async destroy(): Promise<void> {
    for (const call of [...this.live]) call.abort();
    await this.agent.destroy();
  }
}

/** One call: undici's handler on one side, the caller's reins on the other. One object per call, for the hot path. */
class UndiciCall implements Dispatcher.DispatchHandler, UpstreamControl {
  private controller: Dispatcher.DispatchController | null = null;
  /** Until it is sent: for a connection. After that: for the answer's head. */
  private waiting: NodeJS.Timeout | null = null;
  private sent = false;
  private aborted = false;
  private paused = false;
  private over = false;
  private dispatching = true;

  constructor(
    private readonly events: UpstreamEvents,
    private readonly live: Set<UndiciCall>,
    private readonly firstByteTimeoutMs: number,
  ) {}

  /** undici has it. With all connections busy it would let the call wait for one for ever: then `longestWaitMs` counts. */
  dispatched(longestWaitMs: number | null): void {
    this.dispatching = false;
    if (longestWaitMs === null || this.sent || this.over) return;
    this.waiting = setTimeout(() => this.fail('connect_timeout'), longestWaitMs);
    this.waiting.unref();
  }

  abort(): void {
    if (this.over) return;
    this.aborted = true;
    if (this.controller === null) this.fail('aborted');
    else this.controller.abort(ABORTED);
  }

  pause(): void {
    this.paused = true;
    this.controller?.pause();
  }

  resume(): void {
    this.paused = false;
    this.controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.over) {
      controller.abort(ABORTED);
      return;
    }
    this.controller = controller;
    this.sent = true;
    this.stopWaiting();
    if (this.firstByteTimeoutMs < COARSE_IS_GOOD_FROM_MS) this.waiting = setTimeout(() => this.giveUp(controller), this.firstByteTimeoutMs).unref();
    if (this.paused) controller.pause();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    // 1xx heads come before the real one.
    if (status < 200 || this.over) return;
    this.stopWaiting();
    this.events.onHead(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.over) this.events.onData(chunk);
  }

  onResponseEnd(): void {
    if (this.finish()) this.events.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    const failure = classifyUpstreamError(error, { sent: this.sent, aborted: this.aborted });
    // Closed, or a request that HTTP cannot express: told like any other failure, after `call` has returned.
    if (this.dispatching) queueMicrotask(() => this.fail(failure));
    else this.fail(failure);
  }

  private giveUp(controller: Dispatcher.DispatchController): void {
    this.fail('first_byte_timeout');
    controller.abort(ABORTED);
  }

  private fail(failure: UpstreamFailure): void {
    if (this.finish()) this.events.onFailure(failure);
  }

  private finish(): boolean {
    if (this.over) return false;
    this.over = true;
    this.stopWaiting();
    this.live.delete(this);
    return true;
  }

  private stopWaiting(): void {
    if (this.waiting === null) return;
    clearTimeout(this.waiting);
    this.waiting = null;
  }
}
