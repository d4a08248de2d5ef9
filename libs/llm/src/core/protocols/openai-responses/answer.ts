import { type Fields, isFields } from '@apex/common';
import { type Answer, type StopReason } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { openedId } from '../../dialogue/sealed-ids.js';
import { decodeStreamedError } from '../openai/errors.js';
import { cutOff, endingOf, itemId, outputItem, responseObject } from './output-items.js';
import { reasoningPart } from './reasoning-items.js';
import { readResponsesUsage, writeUsage } from './usage.js';

/**
 * Reads a response object (developers.openai.com/api/reference/resources/responses). Annotations and log probabilities are
 * not carried over; both are only there where a request asked for what is refused.
 *
 * @throws ProtocolViolation for what is no answer, one that failed or is not finished, and items that nobody asked for
 */
export function decodeAnswer(body: unknown): Answer {
  if (!isFields(body)) throw new ProtocolViolation('The answer is not a JSON object.');
  const status = body['status'] ?? 'completed';
  if (isFields(body['error'])) throw new ProtocolViolation(`The answer failed: ${decodeStreamedError(body).message.slice(0, 500)}`);
  if (status !== 'completed' && status !== 'incomplete') throw new ProtocolViolation(`The answer is not finished: its status is ${named(status)}.`);
  const { id, model, created } = readHead(body);
  if (!Array.isArray(body['output'])) throw new ProtocolViolation('The answer has no output.');
  const parts = body['output'].flatMap((item: unknown) => partsOfItem(item));
  return { id, model, created, candidates: [{ index: 0, parts, stop: readStop(status, body, parts), stopSequence: null }], usage: readResponsesUsage(body['usage']) };
}

/** @throws ProtocolViolation */
export function readHead(response: Fields): { readonly id: string; readonly model: string; readonly created: number } {
  const { id, model, created_at: created } = response;
  if (typeof id !== 'string' || typeof model !== 'string') throw new ProtocolViolation('The answer has no id or no model.');
  // Some compatible servers tell fractions of a second.
  return { id, model, created: typeof created === 'number' && Number.isFinite(created) ? Math.floor(created) : 0 };
}

export function readStop(status: 'completed' | 'incomplete', response: Fields, parts: readonly { readonly type: AssistantPart['type'] }[]): StopReason {
  if (status === 'incomplete') {
    const details = response['incomplete_details'];
    const reason = isFields(details) ? details['reason'] : null;
    if (reason === 'content_filter') return 'refusal';
    return reason === 'max_messages' || reason === 'steered' ? 'pause' : 'length';
  }
  if (parts.some(({ type }) => type === 'tool_call')) return 'tool_calls';
  return parts.some(({ type }) => type === 'refusal') ? 'refusal' : 'stop';
}

/** What an item of `output` says. Reasoning that is neither told nor sealed is nothing. @throws ProtocolViolation */
export function partsOfItem(item: unknown): AssistantPart[] {
  if (!isFields(item)) throw new ProtocolViolation('An item of the output is not an object.');
  switch (item['type']) {
    case 'message':
      return list(item['content'], 'The content of a message').map(partOfContent);
    case 'function_call':
      return [{ type: 'tool_call', ...callOf(item), arguments: text(item['arguments'], 'The arguments of a call') || '{}' }];
    case 'reasoning': {
      const sealed = item['encrypted_content'];
      const part = reasoningPart({ summary: texts(item['summary']), content: texts(item['content']), encrypted_content: typeof sealed === 'string' ? sealed : null });
      return part === null ? [] : [part];
    }
    default:
      throw unasked(item['type']);
  }
}

/** @throws ProtocolViolation */
export const callOf = (item: Fields): { readonly id: string; readonly name: string; readonly signature?: string } => ({ ...openedId(text(item['call_id'], 'The id of a call')), name: text(item['name'], 'The name of a call') });

export const unasked = (type: unknown): ProtocolViolation => new ProtocolViolation(`The answer holds something that was not asked for: ${named(type)}.`);

const named = (word: unknown): string => (typeof word === 'string' ? `'${word.slice(0, 100)}'` : `of the type ${typeof word}`);

function partOfContent(part: unknown): AssistantPart {
  if (isFields(part) && part['type'] === 'output_text') return { type: 'text', text: text(part['text'], 'A text') };
  if (isFields(part) && part['type'] === 'refusal') return { type: 'refusal', text: text(part['refusal'], 'A refusal') };
  throw unasked(isFields(part) ? part['type'] : undefined);
}

const texts = (value: unknown): { text: string }[] => (value === undefined || value === null ? [] : list(value, 'Reasoning').map((one) => ({ text: text(isFields(one) ? one['text'] : one, 'A piece of reasoning') })));

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new ProtocolViolation(`${what} is not an array.`);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new ProtocolViolation(`${what} is not a string.`);
  return value;
}

/** The body for a client. There is one answer in it: several cannot be asked for. */
export function encodeAnswer(answer: Answer): Fields {
  const [candidate] = answer.candidates;
  const parts = candidate?.parts ?? [];
  const { status, incomplete_details, cut } = endingOf(candidate?.stop ?? 'stop', parts);
  const output = parts.map((part, index) => {
    const item = outputItem(part, itemId(answer.id, part.type, index), 'completed');
    return cut && index === parts.length - 1 ? cutOff(item) : item;
  });
  return responseObject({ id: answer.id, model: answer.model, created: answer.created, status, output, usage: answer.usage === null ? null : writeUsage(answer.usage), incomplete_details, error: null });
}
