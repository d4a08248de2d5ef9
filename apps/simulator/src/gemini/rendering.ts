import { withCompletion } from '../core/engine.js';
import { type Answer, type Step } from '../core/generation.js';
import { type Timeline, timeOf } from '../core/latency.js';
import { type TokenCounts } from '../core/ledger.js';
import { type Frame } from '../http/deliver.js';
import { type CountedPrompt } from './generate-request.js';
import { type GeminiModel } from './models.js';

/** Generated answers and what Google's format wants to know beside them. */
export interface Rendering {
  readonly id: string;
  readonly model: GeminiModel;
  readonly answers: readonly Answer[];
  /** The summary of the thoughts, in pieces; none: not shown. */
  readonly thoughts: readonly string[];
  /** On the first part after the thoughts; null: none. */
  readonly signature: string | null;
  readonly timeline: Timeline;
  readonly modalities: CountedPrompt['modalities'];
  readonly promptUsage: TokenCounts;
  readonly usage: TokenCounts;
}

/** Tokens that go out together: Google's chunks are larger than one token. */
const TOKENS_PER_CHUNK = 4;

type WirePart = Readonly<Record<string, unknown>>;

/** A part of an answer, and how many tokens and steps it took. */
interface Piece {
  readonly part: WirePart;
  readonly tokens: number;
  readonly thought: boolean;
  readonly steps: number;
}

const textOf = (steps: readonly Step[]): string => steps.map((step) => (step.kind === 'call' ? '' : step.text)).join('');

/** An answer in pieces of about `size` tokens; a call is one piece, and one that the token limit cut off is none. */
function* piecesOf({ answers, thoughts, signature }: Rendering, answer: Answer, size: number): Generator<Piece> {
  let thought = 0;
  for (let at = 0; at < thoughts.length && answer.reasoningTokens > 0; at += size) {
    const reached = Math.ceil((answer.reasoningTokens * Math.min(at + size, thoughts.length)) / thoughts.length);
    yield { part: { text: thoughts.slice(at, at + size).join(''), thought: true }, tokens: reached - thought, thought: true, steps: 0 };
    thought = reached;
  }
  let sign = answers.length === 1 ? signature : null;
  const signed = (part: WirePart): WirePart => {
    const whole = sign === null ? part : { ...part, thoughtSignature: sign };
    sign = null;
    return whole;
  };
  for (const head of answer.steps) {
    if (head.kind !== 'call') continue;
    const own = answer.steps.filter((step) => step.kind === 'arguments' && step.call === head.call);
    const args = parsed(textOf(own));
    if (args !== undefined) yield { part: signed({ functionCall: { name: head.name, args } }), tokens: own.reduce((sum, step) => sum + step.tokens, head.tokens), thought: false, steps: own.length + 1 };
  }
  const texts = answer.steps.filter((step) => step.kind === 'text');
  for (let at = 0; at < texts.length; at += size) {
    const steps = texts.slice(at, at + size);
    yield { part: signed({ text: textOf(steps) }), tokens: steps.reduce((sum, step) => sum + step.tokens, 0), thought: false, steps: steps.length };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const finishOf = (answer: Answer): 'STOP' | 'MAX_TOKENS' => (answer.finish === 'length' ? 'MAX_TOKENS' : 'STOP');

/** The body of an answer that is not streamed. An answer whose tokens all went into thoughts has no parts at all. */
export function generateBody(rendering: Rendering): string {
  const candidates = rendering.answers.map((answer, index) => {
    const parts = [...piecesOf(rendering, answer, Infinity)].map(({ part }) => part);
    return { content: { ...(parts.length > 0 && { parts }), role: 'model' }, finishReason: finishOf(answer), index };
  });
  return `${JSON.stringify(chunkOf(rendering, candidates, rendering.usage), null, 2)}\n`;
}

const chunkOf = ({ id, model, modalities }: Rendering, candidates: readonly object[], usage: TokenCounts): object => ({ candidates, usageMetadata: usageOf(usage, modalities), modelVersion: model.id, responseId: id });

/** Usage by Google's accounting: prompt tokens include cached ones, thoughts are beside the candidates. What is 0 is left out. */
function usageOf(usage: TokenCounts, modalities: CountedPrompt['modalities']): object {
  const candidates = usage.completionTokens - usage.reasoningTokens;
  return {
    promptTokenCount: usage.promptTokens,
    ...(candidates > 0 && { candidatesTokenCount: candidates }),
    totalTokenCount: usage.promptTokens + usage.completionTokens,
    ...(usage.cachedTokens > 0 && { cachedContentTokenCount: usage.cachedTokens }),
    promptTokensDetails: modalities,
    ...(usage.cachedTokens > 0 && { cacheTokensDetails: [{ modality: 'TEXT', tokenCount: usage.cachedTokens }] }),
    ...(usage.reasoningTokens > 0 && { thoughtsTokenCount: usage.reasoningTokens }),
    serviceTier: 'standard',
  };
}

/** How chunks follow each other: as server-sent events, or, without `alt=sse`, as a JSON array. */
export interface Framing {
  readonly contentType: string;
  frame(json: string, index: number): string;
  readonly last: string;
}

export const EVENTS: Framing = { contentType: 'text/event-stream', frame: (json) => `data: ${json}\r\n\r\n`, last: '' };
export const ARRAY: Framing = { contentType: 'application/json; charset=UTF-8', frame: (json, index) => `${index === 0 ? '[' : ',\r\n'}${json}`, last: ']\n' };

/** The chunks of a stream: the answers one after the other, each with its finish in a chunk of its own. All tell the usage up to then. */
export function* streamFrames(rendering: Rendering, framing: Framing): Generator<Frame> {
  const { answers, timeline, promptUsage } = rendering;
  let sent = 0;
  let completion = 0;
  let reasoning = 0;
  const frame = (index: number, parts: readonly WirePart[], dueMs: number, finish: string | null): Frame => {
    const usage = withCompletion(promptUsage, completion, reasoning);
    const candidate = { content: { parts, role: 'model' }, ...(finish !== null && { finishReason: finish }), index };
    return { data: framing.frame(JSON.stringify(chunkOf(rendering, [candidate], usage)), sent++), dueMs, usage, closes: finish !== null };
  };
  for (const [index, answer] of answers.entries()) {
    let own = 0;
    let steps = 0;
    const thinkUpTo = (tokens: number): void => {
      completion += tokens - own;
      reasoning += tokens - own;
      own = tokens;
    };
    for (const piece of piecesOf(rendering, answer, TOKENS_PER_CHUNK)) {
      if (piece.thought) {
        thinkUpTo(own + piece.tokens);
        yield frame(index, [piece.part], timeOf(timeline, own), null);
        continue;
      }
      thinkUpTo(answer.reasoningTokens);
      completion += piece.tokens;
      steps += piece.steps;
      yield frame(index, [piece.part], timeOf(timeline, answer.reasoningTokens + steps), null);
    }
    thinkUpTo(answer.reasoningTokens);
    const before = answers.slice(0, index + 1).reduce((sum, one) => sum + one.reasoningTokens + one.visibleTokens, 0);
    // What the limit cut off and what a stop sequence took are billed, and not sent.
    completion = before;
    const last = frame(index, [{ text: '' }], timeOf(timeline, answer.reasoningTokens + answer.steps.length), finishOf(answer));
    yield { ...last, closes: index === answers.length - 1 };
  }
}
