import { type Fields, isFields, isPresent } from '@apex/common';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { openedSignature, sealedSignature } from '../../dialogue/signatures.js';
import { jsonText, parseArguments } from './json.js';
import { isRealSignature } from './models.js';

/**
 * What a model says, part by part, in requests (its earlier turns) and in answers (ai.google.dev/api/caching, `Part`).
 *
 * | Part | Gemini |
 * |-|-|
 * | text | `{text}` |
 * | thinking | `{text, thought: true, thoughtSignature?}` |
 * | thinking of which there is a signature alone | `{text: "", thoughtSignature}`; Gemini 3 also puts such a signature on the text before it |
 * | tool call | `{functionCall: {id, name, args}, thoughtSignature?}` |
 * | redacted thinking | `{text: "", thought: true, thoughtSignature, partMetadata: {redactedThinking: true}}`: never Gemini's own |
 *
 * What another protocol's provider signed of thinking is sealed as such (`sealedSignature`).
 */
export type ModelPart = { readonly ok: true; readonly parts: readonly AssistantPart[] } | { readonly ok: false; readonly kind: 'invalid' | 'inexpressible'; readonly member: string; readonly why: string };

/** What a part may hold beside its content. */
const ASIDE: ReadonlySet<string> = new Set(['thought', 'thoughtSignature', 'partMetadata', 'text', 'functionCall']);
const REDACTED = 'redactedThinking';

const OWN = 'gemini';

/** `callId` makes an id for a call that has none. */
export function readModelPart(part: Fields, callId: () => string): ModelPart {
  for (const member of Object.keys(part)) if (!ASIDE.has(member) && isPresent(part[member])) return { ok: false, kind: 'inexpressible', member, why: 'a model of no other provider says this' };
  const signature = isRealSignature(part['thoughtSignature']) ? part['thoughtSignature'] : null;
  if (isPresent(part['functionCall'])) return readCall(part['functionCall'], signature, callId);
  const text = part['text'] ?? '';
  if (typeof text !== 'string') return { ok: false, kind: 'invalid', member: 'text', why: 'is no text' };
  if (part['thought'] === true) {
    const redacted = isFields(part['partMetadata']) && part['partMetadata'][REDACTED] === true;
    const opened = signature === null ? null : openedSignature(signature, OWN);
    return { ok: true, parts: [redacted && opened !== null ? { type: 'redacted_thinking', data: opened } : { type: 'thinking', text, signature: opened }] };
  }
  if (signature === null) return { ok: true, parts: [{ type: 'text', text }] };
  const sealed: AssistantPart = { type: 'thinking', text: '', signature: openedSignature(signature, OWN) };
  return { ok: true, parts: text === '' ? [sealed] : [{ type: 'text', text }, sealed] };
}

function readCall(call: unknown, signature: string | null, callId: () => string): ModelPart {
  const invalid = (member: string, why: string): ModelPart => ({ ok: false, kind: 'invalid', member: member === '' ? 'functionCall' : `functionCall.${member}`, why });
  if (!isFields(call)) return invalid('', 'is no object');
  if (typeof call['name'] !== 'string' || call['name'] === '') return invalid('name', 'is missing');
  if (isPresent(call['partialArgs']) || isPresent(call['willContinue'])) return { ok: false, kind: 'inexpressible', member: 'functionCall.partialArgs', why: 'arguments in pieces are asked for by nobody here' };
  const args = call['args'] ?? {};
  if (!isFields(args)) return invalid('args', 'is no object');
  const text = jsonText(args);
  if (text === null) return invalid('args', 'nests too deep');
  const id = typeof call['id'] === 'string' && call['id'] !== '' ? call['id'] : callId();
  return { ok: true, parts: [{ type: 'tool_call', id, name: call['name'], arguments: text, ...(signature !== null && { signature }) }] };
}

/** Null where the protocol cannot say it: arguments that are no JSON object. */
export function writeModelPart(part: AssistantPart): Fields | null {
  switch (part.type) {
    case 'text':
    case 'refusal':
      return { text: part.text };
    case 'thinking':
      if (part.text === '' && part.signature !== null) return { text: '', thoughtSignature: sealedSignature(part.signature, OWN) };
      return { text: part.text, thought: true, ...(part.signature !== null && { thoughtSignature: sealedSignature(part.signature, OWN) }) };
    case 'redacted_thinking':
      return { text: '', thought: true, thoughtSignature: sealedSignature(part.data, OWN), partMetadata: { [REDACTED]: true } };
    case 'tool_call': {
      const args = parseArguments(part.arguments);
      if (typeof args === 'string') return null;
      return { functionCall: { id: part.id, name: part.name, args }, ...(part.signature !== undefined && { thoughtSignature: part.signature }) };
    }
  }
}

/**
 * The id of a call to which Gemini gave none: by its place in the answer, so that it is the same each time the answer is
 * read, streamed or not: `call_<n>`, and with the answer's own id, where there is one, so that ids of one conversation
 * differ: `call_<response>_<n>`. Only letters, digits, `_` and `-`, and no more than 40 of them, as the strictest clients
 * want it. Calls of further candidates count for themselves: `call_<response>_<candidate>_<n>`.
 */
export function callIdOf(responseId: string, candidate: number, n: number): string {
  const answer = responseId.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 22);
  return ['call', ...(answer === '' ? [] : [answer]), ...(candidate === 0 ? [] : [candidate]), n].join('_');
}
