import { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type Clock, newId } from '@apex/common';
import { type Pipeline } from '../core/pipeline.js';
import { refusals } from '../core/refusals.js';
import { authenticate } from '../core/stages/01-authenticate.js';
import { sendRefusal } from '../core/stages/07-respond.js';
import { type Refusal } from '../core/call.js';
import { type Received } from '../core/types.js';
import { type KeyStore } from '@apex/auth';
import { type ModelCatalogue } from '../adapters/model-catalogue.js';
import { onClientError } from './client-error.js';
import { NodeBodyReader } from './node-body-reader.js';
import { NodeReply } from './node-reply.js';
import { type Route, isDataPlane, route } from './routes.js';

export interface DataPlaneDeps {
  readonly pipeline: Pipeline;
  readonly keys: KeyStore;
  readonly models: ModelCatalogue;
  readonly clock: Clock;
  readonly maxBodyBytes: number;
}

/**
 * `/v1/*` and `/direct/v1/*` on the server that Nest also listens on, in front of it: what comes here never meets a
 * router, a pipe, an interceptor or a body parser.
 */
export class DataPlane {
  private closing = false;

  constructor(private readonly deps: DataPlaneDeps) {}

  /** Puts itself before the listeners that the server has. */
  attach(server: Server): void {
    const others = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      if (isDataPlane(req.url ?? '')) this.handle(req, res);
      else for (const listener of others) listener(req as never, res as never);
    });
    server.on('clientError', onClientError);
  }

  /** Requests under way end; new ones get 503; connections are not kept. Resolves when nothing is under way. */
  async drain(): Promise<void> {
    this.closing = true;
    await this.deps.pipeline.drain();
  }

  private handle(req: IncomingMessage, res: ServerResponse): void {
    const { deps } = this;
    const method = req.method ?? 'GET';
    const url = req.url ?? '/';
    const reply = new NodeReply(res, () => this.closing);
    const target = route(method, url);
    switch (target.kind) {
      case 'call': {
        const received: Received = { requestId: newId(), receivedAt: deps.clock.now(), path: target.path, surface: target.surface, headers: req.headers };
        return deps.pipeline.handle(received, new NodeBodyReader(req, deps.maxBodyBytes), reply);
      }
      case 'models':
        return void this.models(target, req, reply);
      case 'wrong_method':
        return this.refuse(refusals.methodNotAllowed(method, pathOf(url)), req, reply);
      case 'unknown':
        return this.refuse(refusals.unknownUrl(method, pathOf(url)), req, reply);
    }
  }

  private refuse(refusal: Refusal, req: IncomingMessage, reply: NodeReply): void {
    new NodeBodyReader(req, this.deps.maxBodyBytes).discard();
    // Anthropic's SDKs tell themselves by this header; everybody else reads OpenAI's shape.
    const surface = req.headers['anthropic-version'] === undefined ? 'chat.completions' : 'messages';
    sendRefusal(refusal, { requestId: newId(), surface }, null, reply);
  }

  /** The models that this key can ask for. It spends nothing, so it is no usage record. */
  private async models(target: Route & { kind: 'models' }, req: IncomingMessage, reply: NodeReply): Promise<void> {
    const { deps } = this;
    const received: Received = { requestId: newId(), receivedAt: deps.clock.now(), path: target.path, surface: 'chat.completions', headers: req.headers };
    const authenticated = authenticate(received, deps.keys);
    if (!authenticated.ok) return this.refuse(authenticated.refusal, req, reply);
    const listed = await deps.models.list(authenticated.request.key.customerId);
    if (!listed.ok) return this.refuse(listed.refusal, req, reply);
    const found = target.model === null ? { object: 'list', data: listed.models } : listed.models.find((model) => model.id === target.model);
    if (found === undefined) return this.refuse(refusals.unknownModel(target.model ?? ''), req, reply);
    reply.send(200, ['content-type', 'application/json', 'x-request-id', received.requestId], [Buffer.from(JSON.stringify(found))]);
  }
}

/** An address for an error message: without its query, where keys are sometimes put, and of bounded length. */
const pathOf = (url: string): string => url.split('?', 1)[0]!.slice(0, 200);
