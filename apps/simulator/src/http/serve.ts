import { type Engine } from '../core/engine.js';
import { type Protocol } from '../core/ledger.js';
import { Attempt } from './attempt.js';
import { type Call } from './call.js';
import { BodyNotJson, BodyTooLarge, ClientGone, type Exchange } from './exchange.js';

const LONGEST_CLIENT_ID = 512;

/** A provider's API. `track` is told of each attempt, so that the server can end it when its client is lost. */
export type Api = (exchange: Exchange, track: (attempt: Attempt) => void) => Promise<void>;

/** A refusal in a provider's own words. Thrown by handlers, sent by the API. */
export abstract class Refusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }

  abstract sendTo(exchange: Exchange): void;
}

/** What all billable endpoints of one provider do alike. */
export interface Surface {
  readonly bodyLimit: number;
  /** The key of whoever calls. @throws Refusal */
  callerOf(exchange: Exchange): string;
  notJson(): Refusal;
  tooLarge(limit: number): Refusal;
  badRequest(message: string): Refusal;
}

export interface Endpoint {
  readonly protocol: Protocol;
  /** As it is in the ledger. */
  readonly name: string;
  /** What the ledger says of the request, once its body is there. */
  about(exchange: Exchange, body: object): { readonly model: string | null; readonly stream: boolean };
  handle(call: Call): Promise<void>;
}

/** Model and stream as most protocols have them: in the body. */
export const aboutBody = (_exchange: Exchange, body: object): { model: string | null; stream: boolean } => ({
  model: 'model' in body && typeof body.model === 'string' ? body.model : null,
  stream: 'stream' in body && body.stream === true,
});

/** Serves one attempt on a billable endpoint, refusals included. */
export async function serveBillable(exchange: Exchange, engine: Engine, track: (attempt: Attempt) => void, surface: Surface, endpoint: Endpoint): Promise<void> {
  const attempt = new Attempt(engine.ledger, engine.clock, exchange.header('x-client-request-id'), endpoint.protocol, endpoint.name);
  track(attempt);
  await orRefuse(exchange, attempt, async () => {
    // The body is read in any case: who is refused half-way through sending would see a broken connection, not the answer.
    const body = await bodyOf(exchange, surface).catch((error: unknown) => error as Error);
    if (body instanceof ClientGone) throw body;
    const caller = surface.callerOf(exchange);
    if ((exchange.header('x-client-request-id')?.length ?? 0) > LONGEST_CLIENT_ID) throw surface.badRequest(`The X-Client-Request-Id header must be at most ${LONGEST_CLIENT_ID} characters.`);
    if (body instanceof Error) throw body;
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw surface.notJson();
    const { model, stream } = endpoint.about(exchange, body);
    attempt.model = model;
    attempt.stream = stream;
    await endpoint.handle({ exchange, attempt, engine, caller, body });
  });
}

/** Sends what the work refuses, and writes it into the ledger if there is an attempt. */
export async function orRefuse(exchange: Exchange, attempt: Attempt | null, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ClientGone) return;
    if (!(error instanceof Refusal)) throw error;
    if (attempt) {
      attempt.httpStatus = error.status;
      attempt.end('refused');
    }
    error.sendTo(exchange);
  }
}

async function bodyOf(exchange: Exchange, surface: Surface): Promise<unknown> {
  try {
    return await exchange.readJson(surface.bodyLimit);
  } catch (error) {
    if (error instanceof BodyNotJson) throw surface.notJson();
    if (error instanceof BodyTooLarge) throw surface.tooLarge(surface.bodyLimit);
    throw error;
  }
}

/** A segment of a path, as it was meant; as it stands where its escapes are wrong. */
export function decodedSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
