import { type Fields } from '@apex/common';
import { type StopReason } from '../../dialogue/answer.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { sealedId } from '../../dialogue/sealed-ids.js';
import { reasoningMembers } from './reasoning-items.js';

/** `output_text` as OpenAI itself writes it. */
export const outputText = (text: string): Fields => ({ type: 'output_text', annotations: [], logprobs: [], text });

const PREFIXES: Readonly<Record<AssistantPart['type'], string>> = { text: 'msg', refusal: 'msg', thinking: 'rs', redacted_thinking: 'rs', tool_call: 'fc' };

/** Ids are told by the answer's own id and the item's place, so that a stream and a whole answer name their items alike. */
export const itemId = (answerId: string, type: AssistantPart['type'], index: number): string => `${PREFIXES[type]}_${answerId.replace(/[^A-Za-z0-9]/g, '').slice(-48)}_${index}`;

type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** Each part of an answer is an item of `output`. */
export function outputItem(part: AssistantPart, id: string, status: ItemStatus): Fields {
  switch (part.type) {
    case 'text':
      return { id, type: 'message', status, content: [outputText(part.text)], role: 'assistant' };
    case 'refusal':
      return { id, type: 'message', status, content: [{ type: 'refusal', refusal: part.text }], role: 'assistant' };
    case 'thinking':
    case 'redacted_thinking':
      return { id, type: 'reasoning', ...reasoningMembers(part) };
    case 'tool_call':
      return { id, type: 'function_call', status, arguments: part.arguments, call_id: sealedId(part.id, part.signature), name: part.name };
  }
}

/** The last item of an answer that was cut off is marked as such; reasoning has no status. */
export const cutOff = (item: Fields): Fields => ('status' in item ? { ...item, status: 'incomplete' } : item);

export interface Ending {
  readonly status: 'completed' | 'incomplete';
  readonly incomplete_details: { readonly reason: string } | null;
  /** The last item was cut off. */
  readonly cut: boolean;
}

/**
 * How an answer ended. A full window is told as the limit of output, and an answer that the provider wants to go on with as
 * `max_messages`: there are no better words. A refusal that is not told in words of its own is the filter's.
 */
export function endingOf(stop: StopReason, parts: readonly { readonly type: AssistantPart['type'] }[]): Ending {
  switch (stop) {
    case 'stop':
    case 'stop_sequence':
    case 'tool_calls':
      return { status: 'completed', incomplete_details: null, cut: false };
    case 'length':
    case 'context':
      return { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, cut: true };
    case 'refusal': {
      const told = parts.some(({ type }) => type === 'refusal') && !parts.some(({ type }) => type === 'tool_call');
      return told ? { status: 'completed', incomplete_details: null, cut: false } : { status: 'incomplete', incomplete_details: { reason: 'content_filter' }, cut: false };
    }
    case 'pause':
      return { status: 'incomplete', incomplete_details: { reason: 'max_messages' }, cut: false };
  }
}

export interface ResponseState {
  readonly id: string;
  readonly model: string;
  readonly created: number;
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly output: readonly Fields[];
  readonly usage: Fields | null;
  readonly incomplete_details: Fields | null;
  readonly error: Fields | null;
}

/**
 * The response object (developers.openai.com/api/reference/resources/responses). Members that repeat the request have the
 * value that stands for "not told": an answer does not know what was asked.
 */
export const responseObject = (state: ResponseState): Fields => ({
  id: state.id,
  object: 'response',
  created_at: state.created,
  status: state.status,
  access_programs: null,
  background: false,
  error: state.error,
  incomplete_details: state.incomplete_details,
  instructions: null,
  max_output_tokens: null,
  model: state.model,
  output: state.output,
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: false,
  temperature: null,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: null,
  truncation: 'disabled',
  usage: state.usage,
  metadata: {},
});
