import { type ChatModel } from '../core/catalogue.js';
import { type Answer, type Step } from '../core/generation.js';
import { type Timeline } from '../core/latency.js';
import { type TokenCounts } from '../core/ledger.js';
import { logprobsOf } from './chat-response.js';
import { compactId } from './headers.js';
import { encryptedContent } from './responses-items.js';
import { type Item, type ResponsesBody } from './responses.schema.js';

/** One generated answer and what the Responses format wants to know beside it. */
export interface ResponsesRendering {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly body: ResponsesBody;
  readonly model: ChatModel;
  readonly answer: Answer;
  /** The reasoning summary, in pieces; none unless it was asked for. */
  readonly summary: readonly string[];
  readonly timeline: Timeline;
  readonly promptUsage: TokenCounts;
  readonly usage: TokenCounts;
}

export type OutputItem = Extract<Item, { type: 'reasoning' | 'function_call' }> | Extract<Item, { role: 'assistant' }>;

export type ItemStatus = 'completed' | 'incomplete';

/** An item of the answer and the steps it is made of. */
export interface OutputPart {
  readonly item: OutputItem & { readonly id: string };
  /** Tokens generated before the first step: the name of a call. */
  readonly head: number;
  readonly steps: readonly Step[];
}

/** The answer's items, complete: its reasoning, then its calls or its message. */
export function outputOf(rendering: ResponsesRendering): OutputPart[] {
  const { answer, body, summary } = rendering;
  const parts: OutputPart[] = [];
  if (answer.reasoningTokens > 0) {
    const id = `rs_${compactId()}`;
    parts.push({ item: { type: 'reasoning', id, summary: summary.length > 0 ? [{ type: 'summary_text', text: summary.join('') }] : [], ...(body.include?.includes('reasoning.encrypted_content') === true && { encrypted_content: encryptedContent(id) }) }, head: 0, steps: [] });
  }
  const status: ItemStatus = answer.finish === 'length' ? 'incomplete' : 'completed';
  const heads = answer.steps.flatMap((step) => (step.kind === 'call' ? [step] : []));
  for (const [index, head] of heads.entries()) {
    const steps = answer.steps.filter((step) => step.kind === 'arguments' && step.call === head.call);
    parts.push({ item: { type: 'function_call', id: `fc_${compactId()}`, call_id: head.id, name: head.name, arguments: textOf(steps), status: index === heads.length - 1 ? status : 'completed' }, head: head.tokens, steps });
  }
  if (heads.length === 0 && answer.steps.length > 0) {
    parts.push({ item: { type: 'message', id: `msg_${compactId()}`, role: 'assistant', status, content: [outputText(rendering, answer.steps)] }, head: 0, steps: answer.steps });
  }
  return parts;
}

export const textOf = (steps: readonly Step[]): string => steps.map((step) => (step.kind === 'call' ? '' : step.text)).join('');

type OutputText = {
  readonly type: 'output_text';
  readonly annotations: readonly never[];
  readonly logprobs: readonly object[];
  readonly text: string;
};

/** The text part of a message, with log probabilities if they were asked for. */
export const outputText = (rendering: ResponsesRendering, steps: readonly Step[]): OutputText => ({ type: 'output_text', annotations: [], logprobs: logprobs(rendering, steps), text: textOf(steps) });

export function logprobs({ body }: ResponsesRendering, steps: readonly Step[]): readonly object[] {
  const asked = body.include?.includes('message.output_text.logprobs') === true || (body.top_logprobs ?? 0) > 0;
  return asked ? logprobsOf(body.top_logprobs ?? 0, steps)?.content ?? [] : [];
}

interface State {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly output: readonly OutputItem[];
  readonly usage: TokenCounts | null;
  readonly failure?: string;
}

/** The response object, as it is in a JSON answer and in the events that frame a stream. */
export function responseObject(rendering: ResponsesRendering, { status, output, usage, failure }: State): object {
  const { body, model } = rendering;
  const ended = status === 'completed';
  return {
    id: rendering.id,
    object: 'response',
    created_at: rendering.created,
    status,
    background: false,
    completed_at: ended ? rendering.created : null,
    error: failure === undefined ? null : { code: 'server_error', message: failure },
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    model: model.snapshot,
    output,
    parallel_tool_calls: body.parallel_tool_calls !== false,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    prompt_cache_retention: body.prompt_cache_retention ?? null,
    reasoning: { effort: model.reasoning ? body.reasoning?.effort ?? 'medium' : null, summary: body.reasoning?.summary ?? null },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: status === 'in_progress' ? 'auto' : 'default',
    store: body.store !== false,
    temperature: body.temperature ?? 1,
    text: { format: body.text?.format ?? { type: 'text' }, verbosity: body.text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: (body.tools ?? []).map((tool) => ({ ...tool, description: tool.description ?? null, parameters: tool.parameters ?? null, strict: tool.strict ?? true })),
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: usage && {
      input_tokens: usage.promptTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: usage.cacheWriteTokens },
      output_tokens: usage.completionTokens,
      output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
      total_tokens: usage.promptTokens + usage.completionTokens,
    },
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

/** The status of the whole answer. */
export const finalStatus = (answer: Answer): ItemStatus => (answer.finish === 'length' ? 'incomplete' : 'completed');
