import { guardedLookup } from '@apex/host';
import { HttpClient } from '@apex/http1';
import { Logger } from '@nestjs/common';
import { type ProxySettings, needsProxy } from '../core/upstream-proxies.js';
import { UndiciClient } from './upstream-client-undici.js';
import { type UpstreamControl, type UpstreamEvents, type UpstreamRequest } from './upstream-client.types.js';

export { type UpstreamControl, type UpstreamEvents, type UpstreamRequest } from './upstream-client.types.js';

export interface UpstreamClientOptions {
  /** Open connections per origin; each carries one request at a time. */
  readonly connections: number;
  /** For name look-up, TCP and TLS; also the longest wait for a free connection. */
  readonly connectTimeoutMs: number;
  /** Absent: every provider is asked directly. */
  readonly proxies?: ProxySettings;
}

/** Origins are few: those of the configured providers. */
const REMEMBERED_ORIGINS = 1_000;

/**
 * HTTP/1.1 to the providers over keep-alive pools, one per origin; a pool goes when its last connection is closed.
 * HTTP/2 is off: there, one broken connection breaks every stream on it, and here a request's end is its socket's.
 * It makes no retry and follows no redirect. Calls go over `HttpClient`; what that declines, and what goes by way of a
 * proxy, over undici.
 */
export class UpstreamClient {
  private readonly log = new Logger('UpstreamClient');
  private readonly http: HttpClient;
  private readonly proxied = new Map<string, boolean>();
  private undici: UndiciClient | null = null;
  private closed = false;

  constructor(private readonly options: UpstreamClientOptions) {
    this.http = new HttpClient({
      connections: options.connections,
      connectTimeoutMs: options.connectTimeoutMs,
      // A name may come to lead where no operator would send it: to the addresses of the link.
      lookup: guardedLookup('operator'),
      onDefect: (error) => this.log.error('What receives an answer has failed.', error instanceof Error ? error.stack : String(error)),
    });
  }

  call(request: UpstreamRequest, events: UpstreamEvents): UpstreamControl {
    const direct = this.isProxied(request.origin) ? null : this.http.call(request, events);
    return direct ?? this.byUndici(request, events);
  }

  /** Per origin with any connection: how many are open, how many calls are under way, and how many wait for one. Nothing of what goes by way of a proxy. */
  poolStats(): Record<string, { connected: number; running: number; waiting: number }> {
    const stats: Record<string, { connected: number; running: number; waiting: number }> = this.http.stats();
    for (const [origin, { connected, running, waiting }] of Object.entries(this.undici?.stats() ?? {})) {
      const own = stats[origin] ?? { connected: 0, running: 0, waiting: 0 };
      stats[origin] = { connected: own.connected + connected, running: own.running + running, waiting: own.waiting + waiting };
    }
    return stats;
  }

  /** Takes no more calls and ends when those under way have. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([this.http.close(), this.undici?.close()]);
  }

  /** Ends all calls with `aborted` and closes every connection. */
  async destroy(): Promise<void> {
    this.closed = true;
    await Promise.all([this.http.destroy(), this.undici?.destroy()]);
  }

  private byUndici(request: UpstreamRequest, events: UpstreamEvents): UpstreamControl {
    if (this.undici === null) {
      if (this.closed) return abortedCall(events);
      this.undici = new UndiciClient({ ...this.options, proxies: this.options.proxies ?? null });
    }
    return this.undici.call(request, events);
  }

  private isProxied(origin: string): boolean {
    const { proxies } = this.options;
    if (proxies === undefined) return false;
    const known = this.proxied.get(origin);
    if (known !== undefined) return known;
    if (this.proxied.size >= REMEMBERED_ORIGINS) this.proxied.clear();
    const proxied = needsProxy(proxies, origin);
    this.proxied.set(origin, proxied);
    return proxied;
  }
}

/** Told after `call` has returned, and once. */
function abortedCall(events: UpstreamEvents): UpstreamControl {
  let over = false;
  const abort = (): void => {
    if (over) return;
    over = true;
    events.onFailure('aborted');
  };
  queueMicrotask(abort);
  return { abort, pause: () => undefined, resume: () => undefined };
}
