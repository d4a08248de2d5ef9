import { type Fields, isFields, isPresent } from '@apex/common';
import { type Answer, type Candidate } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { type AssistantPart, type RefusalPart, type TextPart, type ToolCallPart } from '../../dialogue/conversation.js';
import { openedId, sealedId } from '../../dialogue/sealed-ids.js';
import { readOpenAiUsage } from '../openai/usage.js';
import { finishReasonOf, readFinishReason } from './finish-reason.js';
import { plainReasoning, readDetails, type ReasoningPart, reasoningMembers } from './reasoning-details.js';
import { encodeUsage } from './usage.js';

const violation = (what: string): never => {
  throw new ProtocolViolation(`The provider's answer is no chat completion: ${what}`);
};

/**
 * Reads a provider's whole answer (platform.openai.com/docs/api-reference/chat/object) in any dialect: what compatible
 * servers leave out besides the choices is done without. A usage that makes no sense is none.
 * @throws ProtocolViolation
 */
export function decodeAnswer(body: unknown): Answer {
  const completion = isFields(body) ? body : violation('it is not an object');
  const { choices, usage } = completion;
  if (!Array.isArray(choices) || choices.length === 0) return violation('it has no choices');
  const candidates = choices.map(candidate);
  if (new Set(candidates.map(({ index }) => index)).size !== candidates.length) violation('two choices have one index');
  return { ...readHead(completion), candidates, usage: readOpenAiUsage(usage) };
}

/** What an answer's first chunk tells as well. */
export const readHead = ({ id, model, created }: Fields): Pick<Answer, 'id' | 'model' | 'created'> => ({
  id: typeof id === 'string' ? id : '',
  model: typeof model === 'string' ? model : '',
  created: typeof created === 'number' && Number.isSafeInteger(created) && created >= 0 ? created : 0,
});

function candidate(choice: unknown, position: number): Candidate {
  const { index, message, finish_reason: reason, stop_reason: stopReason } = isFields(choice) ? choice : violation('a choice is not an object');
  if (isPresent(index) && !(Number.isSafeInteger(index) && (index as number) >= 0)) violation("a choice's index is not a number");
  const parts = isFields(message) ? partsOf(message) : violation('a choice has no message');
  const ending = { calledTools: parts.some((part) => part.type === 'tool_call'), refused: parts.some((part) => part.type === 'refusal'), stopReason };
  const end = readFinishReason(reason, ending);
  return { index: (index as number | null | undefined) ?? position, parts, stop: end.reason, stopSequence: end.stopSequence };
}

function partsOf(message: Fields): AssistantPart[] {
  const { content, refusal, tool_calls: calls, function_call: legacy, audio } = message;
  // Neither was asked for.
  if (isPresent(legacy)) violation('it calls a function in the deprecated way');
  if (isPresent(audio)) violation('it holds audio');
  if (isPresent(refusal) && typeof refusal !== 'string') violation('a refusal is not a text');
  if (isPresent(calls) && !Array.isArray(calls)) violation('tool_calls is not a list');
  return [...reasoningOf(message), ...textsOf(content), ...refusals(refusal), ...((calls as unknown[] | null | undefined) ?? []).map(toolCall)];
}

function reasoningOf(message: Fields): ReasoningPart[] {
  const detailed = readDetails(message['reasoning_details']);
  const plain = plainReasoning(message);
  // OpenAI's models behind OpenRouter: the details hold nothing but ciphertext, the text stands beside them.
  const untold = plain !== '' && !detailed.some((part) => part.type === 'thinking');
  return untold ? [{ type: 'thinking', text: plain, signature: null }, ...detailed] : detailed;
}

function textsOf(content: unknown): TextPart[] {
  if (!isPresent(content) || content === '') return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const parts: unknown[] = Array.isArray(content) ? content : violation('content is not a text');
  return parts.map((part) => (isFields(part) && part['type'] === 'text' && typeof part['text'] === 'string' ? { type: 'text', text: part['text'] } : violation('content holds something that is not a text')));
}

const refusals = (refusal: unknown): RefusalPart[] => (typeof refusal === 'string' && refusal !== '' ? [{ type: 'refusal', text: refusal }] : []);

function toolCall(call: unknown): ToolCallPart {
  const { id, function: called, extra_content: extra } = isFields(call) ? call : violation('a tool call is not an object');
  const { name, arguments: text } = isFields(called) ? called : violation('a tool call has no function');
  if (typeof id !== 'string' || id === '' || typeof name !== 'string' || name === '') return violation('a tool call has no id or no name');
  const signature = signatureOf(extra);
  return { type: 'tool_call', ...openedId(id), name, arguments: argumentsOf(text), ...(signature === null ? {} : { signature }) };
}

/** Some servers write the arguments out instead of as text. */
function argumentsOf(text: unknown): string {
  if (!isPresent(text) || text === '') return '{}';
  if (typeof text === 'string') return text;
  return isFields(text) ? JSON.stringify(text) : violation("a tool call's arguments are not a text");
}

/** `extra_content.google.thought_signature`; null: none. */
export function signatureOf(extra: unknown): string | null {
  const google = isFields(extra) ? extra['google'] : null;
  const signature = isFields(google) ? google['thought_signature'] : null;
  return typeof signature === 'string' && signature !== '' ? signature : null;
}

/**
 * Writes an answer for a client. Text parts are one text, as a message has one `content`. Reasoning is told in the words of
 * compatible providers: `reasoning_content`, and `reasoning_details` with the signatures, which clients that put the message
 * back into the history send again. A client that knows neither member loses the reasoning, and nothing else. The signature of
 * a tool call is in its id, which every client sends back. `stop_reason` is vLLM's word for the sequence that came.
 */
export function encodeAnswer(answer: Answer): Fields {
  return {
    id: answer.id,
    object: 'chat.completion',
    created: answer.created,
    model: answer.model,
    choices: answer.candidates.map(encodeCandidate),
    ...(answer.usage === null ? {} : { usage: encodeUsage(answer.usage) }),
  };
}

const encodeCall = ({ id, name, arguments: text, signature }: ToolCallPart): object => ({ id: sealedId(id, signature), type: 'function', function: { name, arguments: text } });

function encodeCandidate({ index, parts, stop, stopSequence }: Candidate): object {
  const said = parts.filter((part) => part.type === 'text').map((part) => part.text);
  const refused = parts.filter((part) => part.type === 'refusal').map((part) => part.text);
  const reasoning = parts.filter((part) => part.type === 'thinking' || part.type === 'redacted_thinking');
  const calls = parts.filter((part) => part.type === 'tool_call');
  const message = {
    role: 'assistant',
    content: said.length === 0 ? null : said.join(''),
    refusal: refused.length === 0 ? null : refused.join(''),
    ...reasoningMembers(reasoning),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(encodeCall) }),
  };
  return { index, message, logprobs: null, finish_reason: finishReasonOf(stop, refused.length > 0), ...(stopSequence === null ? {} : { stop_reason: stopSequence }) };
}
