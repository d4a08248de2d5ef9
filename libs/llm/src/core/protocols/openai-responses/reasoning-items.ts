import { type Fields } from '@apex/common';
import { type RedactedThinkingPart, type Signature, type ThinkingPart } from '../../dialogue/conversation.js';
import { openedSignature, sealedSignature } from '../../dialogue/signatures.js';

/**
 * Reasoning items (developers.openai.com/api/docs/guides/reasoning#encrypted-reasoning-items) and thinking:
 *
 * | part | `summary` | `encrypted_content` |
 * |-|-|-|
 * | thinking | one text | the signature |
 * | thinking whose text the provider kept to itself | none | `thinking:` and the signature |
 * | redacted thinking | none | the data |
 *
 * What another protocol's provider signed is sealed as such, and so is what nobody signed (`sealedSignature`).
 *
 * Clients leave out summaries that are empty, so that the second and the third would be the same without the mark. An item
 * with several summaries, or with the reasoning's own text (`content`, of open models), is one part: paragraphs of it.
 */
const OMITTED = 'thinking:';

const OWN = 'openai-responses';

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
  const signature = sealed === '' ? null : openedSignature(sealed, OWN);
  if (paragraphs.length > 0) return { type: 'thinking', text: paragraphs.join(BETWEEN_PARAGRAPHS), signature };
  if (signature === null) return null;
  if (!signature.value.startsWith(OMITTED)) return { type: 'redacted_thinking', data: signature };
  const value = signature.value.slice(OMITTED.length);
  return { type: 'thinking', text: '', signature: value === '' ? null : { by: signature.by, value } };
}

/** The members of an item that say this part. */
export function reasoningMembers(part: ThinkingPart | RedactedThinkingPart): Fields {
  const sealed = (signature: Signature | null): Fields => ({ encrypted_content: sealedSignature(signature, OWN) });
  if (part.type === 'redacted_thinking') return { summary: [], ...sealed(part.data) };
  const { text, signature } = part;
  if (text === '') return { summary: [], ...sealed({ by: signature?.by ?? OWN, value: `${OMITTED}${signature?.value ?? ''}` }) };
  return { summary: [{ type: 'summary_text', text }], ...sealed(signature) };
}
