import { isFields } from '@apex/common';
import { type Operation, type Protocol, type Target, readAnthropicUsage, readOpenAiUsage, readResponsesUsage, unsealed } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { scanTopLevel, splice } from '../json/top-level.js';
import { readUsageTail } from '../json/usage-tail.js';
import { inBrief } from './left-out.js';
import { ChatReader, MessagesReader, ResponsesReader } from './readers.js';
import { type EventReader, SseRelay } from './sse-relay.js';
import { type StreamRelay, type WholeAnswer, type Wire, type WireRequest } from './wire.js';

interface Passing {
  /** null: embeddings, which have no history. */
  readonly protocol: Exclude<Protocol, 'gemini'> | null;
  operation(request: WireRequest, target: Target): Operation;
  readUsage(usage: unknown): TokenUsage | null;
  reader(request: WireRequest): EventReader;
  /** Changes to the body besides the model's name. */
  prepare(body: Buffer, request: WireRequest, target: Target): Buffer;
}

/**
 * Client and provider speak the same protocol: bytes pass in both directions. A splice that leaves every other byte takes
 * the provider's name off the model, and asks for a chat stream's usage. Only a history that holds what Apex sealed into it for
 * another provider is written anew, without that.
 */
class Passthrough implements Wire {
  readonly passthrough = true;

  constructor(private readonly passing: Passing) {}

  encode(request: WireRequest, target: Target) {
    const opened = this.passing.protocol === null ? null : unsealed(this.passing.protocol, request.body);
    let body = opened?.body ?? request.body;
    if (target.model !== request.call.model) body = replaceMember(body, 'model', JSON.stringify(target.model));
    return { ok: true as const, call: { operation: this.passing.operation(request, target), body: this.passing.prepare(body, request, target), ignored: inBrief(opened?.leftOut ?? []) } };
  }

  createRelay(request: WireRequest): StreamRelay {
    return new SseRelay(this.passing.reader(request));
  }

  readWhole(_request: WireRequest, chunks: readonly Buffer[]): WholeAnswer {
    const last = chunks.at(-1);
    // The tail tells, and the rest need not be parsed.
    const fromTail = last === undefined ? null : this.passing.readUsage(readUsageTail(last));
    if (fromTail !== null) return { usage: fromTail, body: chunks };
    const json: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return { usage: isFields(json) ? this.passing.readUsage(json['usage']) : null, body: chunks, json };
  }

  readError(_request: WireRequest, _status: number, chunks: readonly Buffer[]): readonly Buffer[] {
    return chunks;
  }
}

const asItIs = (body: Buffer): Buffer => body;
const generate = (protocol: Protocol) => (request: WireRequest, target: Target): Operation => ({ kind: 'generate', protocol, model: target.model, stream: request.call.stream });

/** Whether the usage chunk of a stream is Apex' own doing, and stays here. */
const asksForUsage = (request: WireRequest): boolean => request.call.stream && !request.call.wantsUsageChunk;

export const chatPassthrough: Wire = new Passthrough({
  protocol: 'openai-chat',
  operation: generate('openai-chat'),
  readUsage: readOpenAiUsage,
  reader: (request) => new ChatReader(asksForUsage(request)),
  prepare: (body, request, target) => (asksForUsage(request) && target.provider.streamUsage ? askForUsage(body, request.call.hasStreamOptions) : body),
});

export const embeddingsPassthrough: Wire = new Passthrough({
  protocol: null,
  operation: (_request, target) => ({ kind: 'embeddings', model: target.model }),
  readUsage: readOpenAiUsage,
  reader: () => new ChatReader(false),
  prepare: asItIs,
});

export const responsesPassthrough: Wire = new Passthrough({
  protocol: 'openai-responses',
  operation: generate('openai-responses'),
  readUsage: readResponsesUsage,
  reader: () => new ResponsesReader(),
  prepare: asItIs,
});

export const messagesPassthrough: Wire = new Passthrough({
  protocol: 'anthropic-messages',
  operation: generate('anthropic-messages'),
  readUsage: readAnthropicUsage,
  reader: () => new MessagesReader(),
  prepare: asItIs,
});

function askForUsage(body: Buffer, hasStreamOptions: boolean): Buffer {
  if (!hasStreamOptions) {
    const start = body.indexOf(0x7b) + 1;
    return splice(body, start, start, '"stream_options":{"include_usage":true},');
  }
  const span = scanTopLevel(body)!.members.get('stream_options')!;
  const given = JSON.parse(body.toString('utf8', span.valueStart, span.valueEnd)) as object | null;
  return splice(body, span.valueStart, span.valueEnd, JSON.stringify({ ...given, include_usage: true }));
}

function replaceMember(body: Buffer, name: string, json: string): Buffer {
  const span = scanTopLevel(body)!.members.get(name)!;
  return splice(body, span.valueStart, span.valueEnd, json);
}
