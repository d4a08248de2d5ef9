import { type Fields } from '@apex/common';
import { z } from 'zod';
import { type Answer, type StopReason } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { at } from '../../dialogue/problems.js';
import { openedId, sealedId } from '../../dialogue/sealed-ids.js';
import { openedData, openedSignature, sealedSignature } from '../../dialogue/signatures.js';
import { jsonObject } from '../../dialogue/wire-schemas.js';
import { parseArguments, UNPARSED_ARGUMENTS } from './tool-calls.js';
import { readAnthropicUsage, writeAnthropicUsage } from './usage.js';

const OWN = 'anthropic-messages';

/** What a provider may add does not matter; what it answers with must be known, or some of the answer would be lost. */
const block = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string().nullish() }),
  z.looseObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  z.looseObject({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: jsonObject }),
]);

const message = z.looseObject({
  id: z.string(),
  model: z.string(),
  content: z.array(block),
  stop_reason: z.string(),
  stop_sequence: z.string().nullish(),
  stop_details: z.looseObject({ explanation: z.string().nullish() }).nullish(),
  usage: z.unknown(),
});

const STOPS: readonly (readonly [string, StopReason])[] = [
  ['end_turn', 'stop'],
  ['max_tokens', 'length'],
  ['stop_sequence', 'stop_sequence'],
  ['tool_use', 'tool_calls'],
  ['pause_turn', 'pause'],
  ['refusal', 'refusal'],
  ['model_context_window_exceeded', 'context'],
];

/** platform.claude.com/docs/en/build-with-claude/handling-stop-reasons. @throws ProtocolViolation for a reason that is not known */
export function readStopReason(told: string): StopReason {
  const stop = STOPS.find(([wire]) => wire === told)?.[1];
  if (stop === undefined) throw new ProtocolViolation(`stop_reason '${told.slice(0, 64)}' is not known`);
  return stop;
}

const writeStopReason = (stop: StopReason): string => STOPS.find(([, reason]) => reason === stop)?.[0] ?? 'end_turn';

/**
 * A provider's whole answer (platform.claude.com/docs/en/api/messages/create#response). The protocol tells no time of
 * creation: `created` is 0. Why the provider declined (`stop_details.explanation`) is a refusal, as the last part.
 * @throws ProtocolViolation
 */
export function decodeAnswer(body: unknown): Answer {
  const read = message.safeParse(body);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new ProtocolViolation(`not an answer of the Messages API: ${at('', ...(issue?.path ?? []))}: ${issue?.message ?? ''}`);
  }
  const { id, model, content, stop_reason, stop_sequence, stop_details, usage } = read.data;
  const explanation = stop_details?.explanation ?? '';
  const parts = content.map(decodeBlock);
  if (explanation !== '') parts.push({ type: 'refusal', text: explanation });
  return { id, model, created: 0, candidates: [{ index: 0, parts, stop: readStopReason(stop_reason), stopSequence: stop_sequence ?? null }], usage: readAnthropicUsage(usage) };
}

function decodeBlock(one: z.output<typeof block>): AssistantPart {
  switch (one.type) {
    case 'text':
      return { type: 'text', text: one.text };
    case 'thinking':
      return { type: 'thinking', text: one.thinking, signature: one.signature == null || one.signature === '' ? null : openedSignature(one.signature, OWN) };
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: openedData(one.data, OWN) };
    case 'tool_use':
      return { type: 'tool_call', ...openedId(one.id), name: one.name, arguments: JSON.stringify(one.input) };
  }
}

/**
 * An answer for a client. Of several candidates the first is told, as this protocol's requests ask for one. A refusal's text
 * is what the API calls the explanation of a refusal. Arguments that are no JSON object - a model that was cut off - stand
 * under `UNPARSED_ARGUMENTS`. Without usage the counts, which are not optional here, are 0.
 */
export function encodeAnswer(answer: Answer): Fields {
  const candidate = answer.candidates[0];
  const parts = candidate?.parts ?? [];
  const refusal = parts.flatMap((part) => (part.type === 'refusal' ? [part.text] : [])).join('');
  return {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: parts.flatMap(encodeBlock),
    ...ending(candidate?.stop ?? 'stop', candidate?.stopSequence ?? null, refusal),
    container: null,
    usage: writeUsage(answer.usage),
  };
}

const NO_USAGE = { promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };

/** `usage` as whole answers and `message_start` have it. */
export const writeUsage = (usage: Answer['usage']): Fields => ({ ...writeAnthropicUsage(usage ?? NO_USAGE), cache_creation: null, service_tier: null });

/** How an answer ends; one that holds a refusal ends with it. */
export const ending = (stop: StopReason, stopSequence: string | null, refusal: string): Fields => ({
  stop_reason: refusal === '' ? writeStopReason(stop) : 'refusal',
  stop_sequence: stopSequence,
  stop_details: refusal === '' ? null : { type: 'refusal', category: null, explanation: refusal },
});

function encodeBlock(part: AssistantPart): Fields[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'text', text: part.text, citations: null }];
    case 'refusal':
      return [];
    case 'thinking':
      return [{ type: 'thinking', thinking: part.text, signature: sealedSignature(part.signature, OWN) }];
    case 'redacted_thinking':
      return [{ type: 'redacted_thinking', data: sealedSignature(part.data, OWN) }];
    case 'tool_call':
      return [{ type: 'tool_use', id: sealedId(part.id, part.signature), name: part.name, input: parseArguments(part.arguments) ?? { [UNPARSED_ARGUMENTS]: part.arguments }, caller: { type: 'direct' } }];
  }
}
