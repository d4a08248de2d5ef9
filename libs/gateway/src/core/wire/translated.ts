import { isFields, isPresent } from '@apex/common';
import { type Codec, type Problem, type StreamDecoder, type StreamEncoder, SseParser, type Target, formatSse, ignoredHints } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { refusals } from '../refusals.js';
import { inBrief } from './left-out.js';
import { type RelayStep, type StreamRelay, type WholeAnswer, type Wire, type WireRequest } from './wire.js';

const NOTHING: readonly Buffer[] = [];

/** Client and provider speak different protocols: every message goes through the neutral dialogue. */
export class Translated implements Wire {
  readonly passthrough = false;

  constructor(
    private readonly client: Codec,
    private readonly provider: Codec,
  ) {}

  encode(request: WireRequest, target: Target): ReturnType<Wire['encode']> {
    const body: unknown = request.json ?? JSON.parse(request.body.toString('utf8'));
    const decoded = this.client.decodeRequest(body);
    if (!decoded.ok) return { ok: false, refusal: refusals.untranslatable(target.provider.name, decoded.problems) };
    const encoded = this.provider.encodeRequest({ ...decoded.value, model: target.model });
    const names = this.client.namesIn(body);
    if (!encoded.ok) {
      const named = (problem: Problem): Problem => ({ ...problem, param: names(problem.param) });
      const [first, ...rest] = encoded.problems;
      return { ok: false, refusal: refusals.untranslatable(target.provider.name, [named(first), ...rest.map(named)]) };
    }
    return {
      ok: true,
      call: {
        operation: { kind: 'generate', protocol: this.provider.protocol, model: target.model, stream: request.call.stream },
        body: Buffer.from(JSON.stringify(encoded.value.body)),
        ignored: inBrief([...hintsIn(body, ignoredHints[this.client.protocol]), ...(encoded.value.ignoredHints ?? []).map(names)]),
      },
    };
  }

  createRelay(request: WireRequest): StreamRelay {
    return new TranslatingRelay(
      this.provider.createStreamDecoder(),
      this.client.createStreamEncoder({
        includeUsage: request.call.wantsUsageChunk,
        model: request.call.model,
        created: Math.floor(request.receivedAt / 1_000),
        id: request.requestId,
      }),
    );
  }

  readWhole(request: WireRequest, chunks: readonly Buffer[]): WholeAnswer {
    const answer = this.provider.decodeAnswer(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    // Some protocols do not say when: then it was now.
    const encoded = this.client.encodeAnswer({ ...answer, created: answer.created || Math.floor(request.receivedAt / 1_000) });
    return { usage: answer.usage, body: [Buffer.from(JSON.stringify(encoded))], json: encoded };
  }

  readError(request: WireRequest, status: number, chunks: readonly Buffer[]): readonly Buffer[] | null {
    let body: unknown;
    try {
      body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    } catch {
      return null;
    }
    return [Buffer.from(JSON.stringify(this.client.encodeError(this.provider.decodeError(status, body), request.requestId)))];
  }
}

/** Each event of the provider becomes the client's at once; what ends the stream waits for the books. */
class TranslatingRelay implements StreamRelay {
  private readonly parser = new SseParser();
  complete = false;
  failed = false;
  usage: TokenUsage | null = null;

  constructor(
    private readonly decoder: StreamDecoder,
    private readonly encoder: StreamEncoder,
  ) {}

  push(chunk: Buffer): RelayStep {
    return this.translate(this.parser.push(chunk).flatMap((event) => this.decoder.push(event)));
  }

  finish(): RelayStep {
    const rest = this.parser.finish().flatMap((event) => this.decoder.push(event));
    return this.translate([...rest, ...this.decoder.finish()]);
  }

  private translate(events: ReturnType<StreamDecoder['push']>): RelayStep {
    let forward = '';
    let hold = '';
    for (const event of events) {
      if (event.type === 'usage') this.usage = event.usage;
      if (event.type === 'error') this.failed = true;
      if (event.type === 'end' || event.type === 'error') this.complete = true;
      const text = this.encoder.push(event).map(formatSse).join('');
      if (this.complete) hold += text;
      else forward += text;
    }
    return { forward: forward === '' ? NOTHING : [Buffer.from(forward)], hold: hold === '' ? NOTHING : [Buffer.from(hold)] };
  }
}

/** Which of these hints (`store`, `thinking.display`, `tools[].eager_input_streaming`) the body gives. */
const hintsIn = (body: unknown, hints: readonly string[]): string[] => hints.filter((hint) => hasPath(body, hint.split('.')));

function hasPath(value: unknown, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return true;
  if (!isFields(value)) return false;
  const isList = name.endsWith('[]');
  const member = value[isList ? name.slice(0, -2) : name];
  if (isList) return Array.isArray(member) && member.some((item) => hasPath(item, rest));
  return isPresent(member) && hasPath(member, rest);
}
