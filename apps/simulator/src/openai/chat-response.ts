import { type ChatModel } from '../core/catalogue.js';
import { withCompletion } from '../core/engine.js';
import { type Answer, type Step } from '../core/generation.js';
import { type Timeline, timeOf } from '../core/latency.js';
import { type TokenCounts } from '../core/ledger.js';
import { PIECES } from '../core/prose.js';
import { pick, randomFrom, seedOf } from '../core/random.js';
import { type Frame } from '../http/deliver.js';
import { GENERATION_FAILED } from './errors.js';

/** Generated answers and what OpenAI's format wants to know beside them. */
export interface Rendering {
  readonly id: string;
  readonly created: number;
  readonly model: ChatModel;
  readonly answers: readonly Answer[];
  readonly timeline: Timeline;
  readonly promptUsage: TokenCounts;
  readonly usage: TokenCounts;
  /** Alternatives per token; null: no logprobs at all. */
  readonly topLogprobs: number | null;
  readonly includeUsage: boolean;
  /** OpenAI reports `stop` when it was forced to call one named function. */
  readonly finishAs: (finish: Answer['finish']) => Answer['finish'];
}

const usageBody = (usage: TokenCounts): object => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.promptTokens + usage.completionTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedTokens, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
});

const fingerprints = new Map<string, string>();

/** The same for all answers of one dated model. */
function fingerprintOf(snapshot: string): string {
  const known = fingerprints.get(snapshot);
  if (known !== undefined) return known;
  const made = `fp_${seedOf(snapshot).toString(16).padStart(8, '0')}${snapshot.length.toString(16).padStart(2, '0')}`;
  fingerprints.set(snapshot, made);
  return made;
}

/** The body of an answer that is not streamed. */
export function completionBody(rendering: Rendering): string {
  return JSON.stringify({
    id: rendering.id,
    object: 'chat.completion',
    created: rendering.created,
    model: rendering.model.snapshot,
    choices: rendering.answers.map((answer, index) => ({
      index,
      message: messageOf(answer),
      logprobs: logprobsOf(rendering.topLogprobs, answer.steps),
      finish_reason: rendering.finishAs(answer.finish),
    })),
    usage: usageBody(rendering.usage),
    service_tier: 'default',
    system_fingerprint: fingerprintOf(rendering.model.snapshot),
  });
}

function messageOf(answer: Answer): object {
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = [];
  let content: string | null = null;
  for (const step of answer.steps) {
    switch (step.kind) {
      case 'text':
        content = (content ?? '') + step.text;
        break;
      case 'call':
        calls.push({ id: step.id, type: 'function', function: { name: step.name, arguments: '' } });
        break;
      case 'arguments':
        (calls[step.call] as (typeof calls)[number]).function.arguments += step.text;
        break;
    }
  }
  if (calls.length > 0) return { role: 'assistant', content, tool_calls: calls, refusal: null, annotations: [] };
  return { role: 'assistant', content: content ?? '', refusal: null, annotations: [] };
}

/**
 * The chunks of a stream: each answer's role, then the answers' tokens in turn, each answer's finish, then the usage if
 * it was asked for (and a null in every chunk before it).
 */
export function* streamFrames(rendering: Rendering): Generator<Frame> {
  const { answers, timeline, promptUsage } = rendering;
  const head = JSON.stringify({ id: rendering.id, object: 'chat.completion.chunk', created: rendering.created, model: rendering.model.snapshot, service_tier: 'default', system_fingerprint: fingerprintOf(rendering.model.snapshot) }).slice(0, -1);
  const tail = rendering.includeUsage ? ',"usage":null}\n\n' : '}\n\n';
  const chunk = (index: number, delta: string, logprobs: string, finish: string): string => `data: ${head},"choices":[{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${finish}}]${tail}`;

  const reasoning = answers.reduce((sum, answer) => sum + answer.reasoningTokens, 0);
  let completion = reasoning;
  const billed = (): TokenCounts => withCompletion(promptUsage, completion, reasoning);
  for (const [index, answer] of answers.entries()) {
    const content = answer.steps[0]?.kind === 'call' ? null : '';
    yield { data: chunk(index, JSON.stringify({ role: 'assistant', content, refusal: null }), 'null', 'null'), dueMs: timeOf(timeline, answer.reasoningTokens + 1), usage: billed(), closes: false };
  }
  const longest = answers.reduce((most, answer) => Math.max(most, answer.steps.length), 0);
  for (let at = 0; at < longest; at += 1) {
    for (const [index, answer] of answers.entries()) {
      const step = answer.steps[at];
      if (!step) continue;
      completion += step.tokens;
      const logprobs = rendering.topLogprobs === null ? 'null' : JSON.stringify(logprobsOf(rendering.topLogprobs, [step]));
      yield { data: chunk(index, deltaOf(step), logprobs, 'null'), dueMs: timeOf(timeline, answer.reasoningTokens + at + 1), usage: billed(), closes: false };
    }
  }
  for (const [index, answer] of answers.entries()) {
    yield { data: chunk(index, '{}', 'null', `"${rendering.finishAs(answer.finish)}"`), dueMs: timeOf(timeline, answer.reasoningTokens + answer.steps.length), usage: billed(), closes: true };
  }
  if (rendering.includeUsage) yield { data: `data: ${head},"choices":[],"usage":${JSON.stringify(usageBody(rendering.usage))}}\n\n`, dueMs: 0, usage: rendering.usage, closes: true };
}

/** What a stream says when generation fails: OpenAI's error object as an event of its own, and nothing after it. */
export const failureFrame = (): string => `data: ${JSON.stringify({ error: { message: GENERATION_FAILED, type: 'server_error', param: null, code: null } })}\n\n`;

function deltaOf(step: Step): string {
  switch (step.kind) {
    case 'text': return `{"content":${JSON.stringify(step.text)}}`;
    case 'call': return JSON.stringify({ tool_calls: [{ index: step.call, id: step.id, type: 'function', function: { name: step.name, arguments: '' } }] });
    case 'arguments': return JSON.stringify({ tool_calls: [{ index: step.call, function: { arguments: step.text } }] });
  }
}

/** Log probabilities of text tokens; made up, but the same for the same token. Calls have none. */
export function logprobsOf(top: number | null, steps: readonly Step[]): { content: object[]; refusal: null } | null {
  if (top === null) return null;
  return { content: steps.flatMap((step) => (step.kind === 'text' ? [logprobOf(step.text, top)] : [])), refusal: null };
}

function logprobOf(token: string, top: number): object {
  const random = randomFrom(seedOf(token));
  let logprob = -random() * 0.5;
  const entry = (text: string): { token: string; logprob: number; bytes: number[] } => ({ token: text, logprob, bytes: [...Buffer.from(text)] });
  const own = entry(token);
  const others = new Set<string>();
  while (others.size < top - 1) {
    const other = pick(random, PIECES);
    if (other !== token) others.add(other);
  }
  const alternatives = [...others].map((text) => {
    logprob -= 0.1 + random() * 2;
    return entry(text);
  });
  return { ...own, top_logprobs: top === 0 ? [] : [own, ...alternatives] };
}
