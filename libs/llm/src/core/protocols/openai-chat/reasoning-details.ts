import { type Fields, isFields } from '@apex/common';
import { type RedactedThinkingPart, type Signature, type ThinkingPart } from '../../dialogue/conversation.js';
import { type Protocol } from '../../dialogue/protocol.js';

/**
 * Reasoning in chat completions is a dialect of compatible providers: `reasoning_content` (DeepSeek, vLLM) or `reasoning`
 * (OpenRouter, Groq) for the text alone, and `reasoning_details` (openrouter.ai/docs/use-cases/reasoning-tokens) for text
 * with the provider's signature over it, and for what only the provider can read. Whose signature it is stands in `format`.
 */
export type ReasoningPart = ThinkingPart | RedactedThinkingPart;

/** OpenRouter's words for whose signature it is. Those that stand for no protocol here are read as chat completions' own, and so is none. */
const FORMATS: readonly (readonly [format: string, signer: Protocol])[] = [
  ['anthropic-claude-v1', 'anthropic-messages'],
  ['google-gemini-v1', 'gemini'],
  ['openai-responses-v1', 'openai-responses'],
];

const signerOf = (told: unknown): Protocol => FORMATS.find(([format]) => format === told)?.[1] ?? 'openai-chat';

function formatOf({ by }: Signature): { readonly format?: string } {
  const format = FORMATS.find(([, signer]) => signer === by)?.[0];
  return format === undefined ? {} : { format };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** One entry of `reasoning_details`; null: of a kind that says nothing here. */
export function readDetail(entry: unknown): ReasoningPart | null {
  if (!isFields(entry)) return null;
  const by = signerOf(entry['format']);
  if (entry['type'] === 'reasoning.encrypted') return typeof entry['data'] === 'string' ? { type: 'redacted_thinking', data: { by, value: entry['data'] } } : null;
  if (entry['type'] !== 'reasoning.text' && entry['type'] !== 'reasoning.summary') return null;
  const value = text(entry['signature']);
  return { type: 'thinking', text: text(entry['text'] ?? entry['summary']), signature: value === '' ? null : { by, value } };
}

export const readDetails = (entries: unknown): ReasoningPart[] =>
  Array.isArray(entries) ? entries.map(readDetail).filter((part) => part !== null && (part.type === 'redacted_thinking' || part.text !== '' || part.signature !== null)) as ReasoningPart[] : [];

/** The reasoning's text where there are no details. */
export const plainReasoning = (holder: Fields): string => text(holder['reasoning_content']) || text(holder['reasoning']);

export function detailOf(part: ReasoningPart, index: number): object {
  if (part.type === 'redacted_thinking') return { type: 'reasoning.encrypted', data: part.data.value, ...formatOf(part.data), index };
  return { type: 'reasoning.text', text: part.text, ...(part.signature === null ? {} : { signature: part.signature.value, ...formatOf(part.signature) }), index };
}

/** The members of a message that say these parts. Details only where the text alone would lose something. */
export function reasoningMembers(parts: readonly ReasoningPart[]): Record<string, unknown> {
  const said = parts.map((part) => (part.type === 'thinking' ? part.text : '')).join('');
  const detailed = parts.length > 1 || parts.some((part) => part.type === 'redacted_thinking' || part.signature !== null);
  return { ...(said === '' ? {} : { reasoning_content: said }), ...(detailed ? { reasoning_details: parts.map(detailOf) } : {}) };
}
