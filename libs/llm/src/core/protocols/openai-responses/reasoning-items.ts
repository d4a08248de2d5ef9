import { type RedactedThinkingPart, type ThinkingPart } from '../../dialogue/conversation.js';
import { type Fields } from './wire.js';

/**
 * Reasoning items (developers.openai.com/api/docs/guides/reasoning#encrypted-reasoning-items) and thinking:
 *
 * | part | `summary` | `encrypted_content` |
 * |-|-|-|
 * | thinking | one text | the signature, if there is one |
 * | thinking whose text the provider kept to itself | none | `thinking:` and the signature |
 * | redacted thinking | none | the data |
 *
 * Clients leave out summaries that are empty, so that the second and the third would be the same without the mark. An item
 * with several summaries, or with the reasoning's own text (`content`, of open models), is one part: paragraphs of it.
 */
const OMITTED = 'thinking:';

export const BETWEEN_PARAGRAPHS = '\n\n';

export interface ReasoningTold {
  readonly summary?: readonly { readonly text: string }[] | null | undefined;
  readonly content?: readonly { readonly text: string }[] | null | undefined;
  readonly encrypted_content?: string | null | undefined;
}

/** Null: the item holds nothing; it merely names something that a provider keeps. */
export function reasoningPart(item: ReasoningTold): ThinkingPart | RedactedThinkingPart | null {
  const paragraphs = [...(item.summary ?? []), ...(item.content ?? [])].map(({ text }) => text).filter((text) => text !== '');
  const sealed = item.encrypted_content ?? '';
  if (paragraphs.length > 0) return { type: 'thinking', text: paragraphs.join(BETWEEN_PARAGRAPHS), signature: sealed === '' ? null : sealed };
  if (sealed.startsWith(OMITTED)) return { type: 'thinking', text: '', signature: sealed.slice(OMITTED.length) || null };
  return sealed === '' ? null : { type: 'redacted_thinking', data: sealed };
}

/** The members of an item that say this part. */
export function reasoningMembers(part: ThinkingPart | RedactedThinkingPart): Fields {
  if (part.type === 'redacted_thinking') return { summary: [], encrypted_content: part.data };
  if (part.text === '') return { summary: [], encrypted_content: `${OMITTED}${part.signature ?? ''}` };
  return { summary: [{ type: 'summary_text', text: part.text }], ...(part.signature === null ? {} : { encrypted_content: part.signature }) };
}
