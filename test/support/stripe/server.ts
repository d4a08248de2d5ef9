import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { refused, StripeFault } from './fault.js';
import { readForm } from './form.js';
import { type operations } from './operations.js';

/** What goes wrong with a call: before it has had an effect or after, with an answer or without one. */
export type Trouble = 'error-before' | 'error-after' | 'cut-before' | 'cut-after' | 'rate-limit';

interface Saved {
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

/** One call as it came, for tests that count. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly idempotencyKey: string | null;
  readonly status: number | null;
}

/** HTTP as Stripe's v1 API speaks it: form-encoded requests, JSON answers, keys of idempotency. */
export class StripeServer {
  readonly calls: SeenCall[] = [];
  private readonly troubles: { readonly path: RegExp; readonly trouble: Trouble }[] = [];
  private readonly saved = new Map<string, Saved>();
  private readonly server: Server;
  private port = 0;

  constructor(
    private readonly table: ReturnType<typeof operations>,
    private readonly key: string,
  ) {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Also after `close`: the port stays the same. */
  async listen(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** The next call to such a path that changes something gets into this trouble; called again, the one after it. */
  trouble(path: RegExp, trouble: Trouble): void {
    this.troubles.push({ path, trouble });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return;
    }
    const { method = '', url = '' } = request;
    const { pathname, search } = new URL(url, 'http://stripe');
    const idempotencyKey = (request.headers['idempotency-key'] as string | undefined) ?? null;
    const seen = (status: number | null): void => void this.calls.push({ method, path: pathname, idempotencyKey, status });
    const trouble = method === 'GET' ? undefined : this.takeTrouble(pathname);
    if (trouble === 'cut-before') {
      seen(null);
      request.socket.destroy();
      return;
    }
    const { status, body, replayed } = trouble === 'rate-limit' ? { status: 429, body: JSON.stringify({ error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Too many requests.' } }), replayed: false } : this.once(request, method, pathname, method === 'GET' || method === 'DELETE' ? search.slice(1) : Buffer.concat(chunks).toString(), idempotencyKey, trouble);
    if (trouble === 'cut-after') {
      seen(null);
      request.socket.destroy();
      return;
    }
    seen(status);
    response.writeHead(status, { 'content-type': 'application/json', 'request-id': `req_${this.calls.length}`, ...(replayed ? { 'idempotent-replayed': 'true' } : {}) });
    response.end(body);
  }

  /** Of calls with one key, the first is carried out and the others get its answer, whatever it was. */
  private once(request: IncomingMessage, method: string, path: string, form: string, key: string | null, trouble: Trouble | undefined): { status: number; body: string; replayed: boolean } {
    const asked = `${method} ${path} ${form}`;
    const before = key === null || method !== 'POST' ? undefined : this.saved.get(key);
    if (before !== undefined) {
      if (before.request === asked) return { ...before, replayed: true };
      const fault = new StripeFault(400, 'idempotency_error', `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key!}' if you meant to execute a different request.`);
      return { status: 400, body: JSON.stringify(fault.body()), replayed: false };
    }
    const broken = new StripeFault(500, 'api_error', 'An unknown error occurred');
    const { status, body } = trouble === 'error-before' ? { status: 500, body: broken.body() } : this.carryOut(request, method, path, form);
    const answer = trouble === 'error-after' ? { status: 500, body: JSON.stringify(broken.body()) } : { status, body: JSON.stringify(body) };
    // What was refused before anything was done is not kept: the same key may be used for the mended request.
    if (key !== null && method === 'POST' && (answer.status < 400 || answer.status >= 500 || answer.status === 402)) this.saved.set(key, { request: asked, ...answer });
    return { ...answer, replayed: false };
  }

  private carryOut(request: IncomingMessage, method: string, path: string, form: string): { status: number; body: Record<string, unknown> } {
    try {
      if (request.headers.authorization !== `Bearer ${this.key}`) throw new StripeFault(401, 'invalid_request_error', 'Invalid API Key provided');
      if (method === 'POST' && form !== '' && !String(request.headers['content-type']).startsWith('application/x-www-form-urlencoded')) throw refused('Send v1 requests form-encoded.');
      const [operation, id] = this.find(method, path);
      return { status: 200, body: operation(readForm(form), id) };
    } catch (error) {
      if (error instanceof StripeFault) return { status: error.status, body: error.body() };
      throw error;
    }
  }

  private find(method: string, path: string): [(form: ReturnType<typeof readForm>, id: string) => Record<string, unknown>, string] {
    const literal = this.table.get(`${method} ${path}`);
    if (literal !== undefined) return [literal, ''];
    const parts = path.split('/');
    for (const at of [parts.length - 1, parts.length - 2]) {
      const operation = this.table.get(`${method} ${parts.with(at, ':id').join('/')}`);
      if (operation !== undefined) return [operation, decodeURIComponent(parts[at]!)];
    }
    throw new StripeFault(404, 'invalid_request_error', `Unrecognized request URL (${method}: ${path}).`);
  }

  private takeTrouble(path: string): Trouble | undefined {
    const at = this.troubles.findIndex((one) => one.path.test(path));
    return at < 0 ? undefined : this.troubles.splice(at, 1)[0]!.trouble;
  }
}
