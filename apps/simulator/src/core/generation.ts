import { writeProse } from './prose.js';
import { type Random, between, randomFrom, seedOf } from './random.js';
import { instanceOf } from './schema-instance.js';
import { type Tokenizer } from './tokenizer.js';

/** A function the model may call. */
export interface Tool {
  readonly name: string;
  /** JSON Schema of its arguments; undefined: it takes none. */
  readonly parameters?: unknown;
}

export type ToolChoice = 'none' | 'auto' | 'required' | { readonly name: string };

export type AnswerFormat = { readonly kind: 'text' } | { readonly kind: 'json' } | { readonly kind: 'schema'; readonly schema: unknown };

/** What is asked of the model, in no provider's words. */
export interface Order {
  /** Everything the answer depends on, as one text. The same text gives the same answers. */
  readonly identity: string;
  /** The last thing the user said. It decides the answer's length and whether tools are called. */
  readonly userText: string;
  readonly userTokens: number;
  readonly lastIsToolResult: boolean;
  readonly answers: number;
  /** Upper bound of hidden and visible tokens of each answer. */
  readonly maxTokens: number;
  /** Length asked for by a test or benchmark; otherwise it follows the prompt. */
  readonly targetTokens: number | null;
  readonly reasoningTokens: number;
  readonly stops: readonly string[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice;
  readonly parallelTools: boolean;
  readonly format: AnswerFormat;
}

/** One delta of a stream. `tokens` were generated for it. */
export type Step =
  | { readonly kind: 'text'; readonly text: string; readonly tokens: number }
  | { readonly kind: 'call'; readonly call: number; readonly id: string; readonly name: string; readonly tokens: number }
  | { readonly kind: 'arguments'; readonly call: number; readonly text: string; readonly tokens: number };

export interface Answer {
  readonly reasoningTokens: number;
  readonly steps: readonly Step[];
  /** Tokens of all steps. */
  readonly visibleTokens: number;
  readonly finish: 'stop' | 'length' | 'tool_calls';
  /** The stop sequence that ended it, if one did. */
  readonly stopSequence: string | null;
}

const LONGEST = 320;
/** Tokens around the arguments of a call, beside the function's name. */
const CALL_FRAME = 4;

/** The answers to an order. */
export function generate(order: Order, tokenizer: Tokenizer): Answer[] {
  return Array.from({ length: order.answers }, (_, index) => {
    const random = randomFrom(seedOf(`${index}\n${order.identity}`));
    const reasoningTokens = Math.min(order.reasoningTokens, order.maxTokens);
    const calls = toolsToCall(order, random);
    const whole = calls.length > 0 ? callSteps(calls, random, tokenizer) : textSteps(order, random, tokenizer);
    return limited(whole, calls.length > 0 ? [] : order.stops, order.maxTokens - reasoningTokens, reasoningTokens, calls.length > 0);
  });
}

/** Which tools the model calls: none unless it has to, or the user speaks of tools. */
function toolsToCall(order: Order, random: Random): Tool[] {
  const { tools, toolChoice } = order;
  if (tools.length === 0 || toolChoice === 'none' || order.lastIsToolResult) return [];
  if (typeof toolChoice === 'object') return tools.filter((tool) => tool.name === toolChoice.name).slice(0, 1);
  if (toolChoice === 'auto' && !/tool|weather|parallel/i.test(order.userText)) return [];
  const first = between(random, 0, tools.length - 1);
  const chosen = tools.slice(first, first + 1);
  if (tools.length > 1 && order.parallelTools && /parallel/i.test(order.userText)) chosen.push(...tools.slice((first + 1) % tools.length).slice(0, 1));
  return chosen;
}

function callSteps(tools: readonly Tool[], random: Random, tokenizer: Tokenizer): Step[] {
  return tools.flatMap((tool, call) => {
    const id = `call_${Array.from({ length: 24 }, () => between(random, 0, 35).toString(36)).join('')}`;
    const schema = tool.parameters ?? { type: 'object', properties: {} };
    const head: Step = { kind: 'call', call, id, name: tool.name, tokens: CALL_FRAME + tokenizer.count(tool.name) };
    return [head, ...pieces(JSON.stringify(instanceOf(schema, random)), tokenizer).map(({ text, tokens }): Step => ({ kind: 'arguments', call, text, tokens }))];
  });
}

function textSteps(order: Order, random: Random, tokenizer: Tokenizer): Step[] {
  if (order.format.kind === 'text') {
    const natural = Math.min(LONGEST, 16 + order.userTokens / 2) * (0.75 + 0.5 * random());
    return writeProse(random, order.targetTokens ?? Math.round(natural))
      .slice(0, order.targetTokens ?? Infinity)
      .map((text) => ({ kind: 'text', text, tokens: 1 }));
  }
  const schema = order.format.kind === 'schema' ? order.format.schema : ANY_OBJECT;
  return pieces(JSON.stringify(instanceOf(schema, random)), tokenizer).map(({ text, tokens }) => ({ kind: 'text', text, tokens }));
}

const ANY_OBJECT = {
  type: 'object',
  properties: { answer: { type: 'string', minLength: 20 }, details: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 3 }, confidence: { type: 'number', minimum: 0, maximum: 1 } },
};

/** A text as tokens; what a piece of several tokens hides is counted with the last one. */
function pieces(text: string, tokenizer: Tokenizer): { text: string; tokens: number }[] {
  const parts = tokenizer.pieces(text);
  const hidden = tokenizer.count(text) - parts.length;
  return parts.map((part, index) => ({ text: part, tokens: index === parts.length - 1 ? 1 + hidden : 1 }));
}

/** Applies the token limit, then the stop sequences: a stop within the limit ends the text in front of itself. */
function limited(whole: readonly Step[], stops: readonly string[], maxVisible: number, reasoningTokens: number, called: boolean): Answer {
  const steps: Step[] = [];
  let visibleTokens = 0;
  for (const step of whole) {
    if (visibleTokens + step.tokens > maxVisible) break;
    steps.push(step);
    visibleTokens += step.tokens;
  }
  const stopped = stops.length > 0 ? stopAt(steps, stops) : null;
  if (stopped) return { reasoningTokens, ...stopped, finish: 'stop' };
  const finish = steps.length < whole.length ? 'length' : called ? 'tool_calls' : 'stop';
  return { reasoningTokens, steps, visibleTokens, finish, stopSequence: null };
}

/** The model generates up to and including the stop sequence, and that is billed; the text ends in front of it. */
function stopAt(steps: readonly Step[], stops: readonly string[]): { steps: Step[]; visibleTokens: number; stopSequence: string } | null {
  const texts = steps.map((step) => (step.kind === 'text' ? step.text : ''));
  const text = texts.join('');
  let cut = -1;
  let stopSequence = '';
  for (const stop of stops) {
    const at = stop === '' ? -1 : text.indexOf(stop);
    if (at >= 0 && (cut < 0 || at < cut)) [cut, stopSequence] = [at, stop];
  }
  if (cut < 0) return null;
  const end = cut + stopSequence.length;
  const kept: Step[] = [];
  let visibleTokens = 0;
  let at = 0;
  for (const [index, part] of texts.entries()) {
    if (at >= end) break;
    const tokens = (steps[index] as Step).tokens;
    visibleTokens += tokens;
    if (at < cut) kept.push({ kind: 'text', text: part.slice(0, cut - at), tokens });
    at += part.length;
  }
  return { steps: kept, visibleTokens, stopSequence };
}
