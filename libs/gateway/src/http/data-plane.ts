import { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type Clock, newId } from '@apex/common';
import { FastLane, type LaneCounts, type LaneExchange } from '@apex/http1';
import { type Pipeline } from '../core/pipeline.js';
import { refusals } from '../core/refusals.js';
import { sendRefusal } from '../core/stages/07-respond.js';
import { type Refusal } from '../core/call.js';
import { type Received } from '../core/types.js';
import { type BodyReader } from '../ports/body-reader.js';
import { type Reply } from '../ports/reply.js';
import { type RequestObserver } from '../ports/request-observer.js';
import { type ModelCatalogue } from '../adapters/model-catalogue.js';
import { onClientError, refuseConnection } from './client-error.js';
import { NodeBodyReader } from './node-body-reader.js';
import { NodeReply } from './node-reply.js';
import { type Route, isDataPlane, route } from './routes.js';

export interface DataPlaneDeps {
  readonly pipeline: Pipeline;
  readonly models: ModelCatalogue;
  readonly clock: Clock;
  readonly observer: Pick<RequestObserver, 'begin'>;
  readonly maxBodyBytes: number;
  /** Simple requests go past node:http. Off, everything goes through it: for a diagnosis. */
  readonly fastLane: boolean;
}

/** A request's head, whoever has read it. */
interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Received['headers'];
}

/**
 * `/v1/*` and `/direct/v1/*` on the server that Nest also listens on, in front of it: what comes here never meets a
 * router, a pipe, an interceptor or a body parser.
 */
export class DataPlane {
  private closing = false;
  private lane: FastLane | null = null;

  constructor(private readonly deps: DataPlaneDeps) {}

  /** Puts itself before the listeners that the server has. Before the server listens, and once. */
  attach(server: Server): void {
    const { maxBodyBytes, fastLane } = this.deps;
    const others = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      if (isDataPlane(req.url ?? '')) this.handle(asked(req), new NodeBodyReader(req, maxBodyBytes), new NodeReply(res, () => this.closing));
      else for (const listener of others) listener(req as never, res as never);
    });
    server.on('clientError', onClientError);
    if (!fastLane) return;
    this.lane = FastLane.attach(server, {
      accepts: isDataPlane,
      handle: (exchange: LaneExchange) => this.handle(exchange, exchange, exchange),
      maxBodyBytes,
      onFault: refuseConnection,
    });
  }

  /** Where connections have gone; null: there is one way only. */
  get laneCounts(): LaneCounts | null {
    return this.lane?.counts ?? null;
  }

  /** Requests under way end; new ones get 503; connections are not kept. Resolves when nothing is under way. */
  async drain(): Promise<void> {
    this.closing = true;
    this.lane?.retire();
    await this.deps.pipeline.drain();
  }

  private handle(request: Asked, body: BodyReader, reply: Reply): void {
    const { deps } = this;
    const { method, url, headers } = request;
    const target = route(method, url);
    switch (target.kind) {
      case 'call': {
        const requestId = newId();
        const received: Received = { requestId, receivedAt: deps.clock.now(), path: target.path, surface: target.surface, headers, trace: deps.observer.begin(requestId, headers) };
        return deps.pipeline.handle(received, body, reply);
      }
      case 'models':
        return void this.models(target, request, body, reply);
      case 'wrong_method':
        return this.refuse(refusals.methodNotAllowed(method, pathOf(url)), request, body, reply);
      case 'unknown':
        return this.refuse(refusals.unknownUrl(method, pathOf(url)), request, body, reply);
    }
  }

  private refuse(refusal: Refusal, { headers }: Asked, body: BodyReader, reply: Reply): void {
    body.discard();
    // Anthropic's SDKs tell themselves by this header; everybody else reads OpenAI's shape.
    const surface = headers['anthropic-version'] === undefined ? 'chat.completions' : 'messages';
    sendRefusal(refusal, { requestId: newId(), surface }, null, reply);
  }

  /** The models that this key can ask for. It spends nothing, so it is no usage record. */
  private async models(target: Route & { kind: 'models' }, request: Asked, body: BodyReader, reply: Reply): Promise<void> {
    const { deps } = this;
    const received: Received = { requestId: newId(), receivedAt: deps.clock.now(), path: target.path, surface: 'chat.completions', headers: request.headers, trace: null };
    const authenticated = deps.pipeline.authenticate(received);
    if (!authenticated.ok) return this.refuse(authenticated.refusal, request, body, reply);
    const listed = await deps.models.list(authenticated.request.key.customerId);
    if (!listed.ok) return this.refuse(listed.refusal, request, body, reply);
    const found = target.model === null ? { object: 'list', data: listed.models } : listed.models.find((model) => model.id === target.model);
    if (found === undefined) return this.refuse(refusals.unknownModel(target.model ?? ''), request, body, reply);
    reply.send(200, ['content-type', 'application/json', 'x-request-id', received.requestId], [Buffer.from(JSON.stringify(found))]);
  }
}

const asked = (req: IncomingMessage): Asked => ({ method: req.method ?? 'GET', url: req.url ?? '/', headers: req.headers });

/** An address for an error message: without its query, where keys are sometimes put, and of bounded length. */
const pathOf = (url: string): string => url.split('?', 1)[0]!.slice(0, 200);
