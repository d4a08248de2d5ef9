import { type RedactedThinkingPart, type Signature, type ThinkingPart } from './conversation.js';
import { type Protocol } from './protocol.js';

/** What every sealed signature begins with: base64 of `apex:`, as far as the next character does not change it. */
export const SEALED = 'YXBleD';

const OPENED = /^apex:(openai-chat|openai-responses|anthropic-messages|gemini):([^]*)$/;

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const UNSIGNED = base64('apex:nobody:');

/**
 * A signature as a client of `own` sees it. That of another protocol's provider is marked as such, and so is that there is
 * none, for it comes back in the history, and by then the conversation may be with a provider that would refuse the thinking.
 * In base64, as clients expect of it.
 */
export function sealedSignature(signature: Signature | null, own: Protocol): string {
  if (signature === null) return UNSIGNED;
  return signature.by === own ? signature.value : base64(`apex:${signature.by}:${signature.value}`);
}

/** The other way round. What Apex has not sealed was signed in the protocol in which it comes. */
export function openedSignature(sealed: string, own: Protocol): Signature | null {
  if (sealed === UNSIGNED) return null;
  const opened = sealed.startsWith(SEALED) ? OPENED.exec(Buffer.from(sealed, 'base64').toString('utf8')) : null;
  const [, by, value] = opened ?? [];
  if (by === undefined || value === undefined) return { by: own, value: sealed };
  const signature: Signature = { by: by as Protocol, value };
  return sealedSignature(signature, own) === sealed ? signature : { by: own, value: sealed };
}

/** The same for what is nothing but sealed: redacted thinking. */
export const openedData = (sealed: string, own: Protocol): Signature => openedSignature(sealed, own) ?? { by: own, value: sealed };

/** In whose protocol thinking was signed; null: nobody has signed it. */
export const signerOf = (part: ThinkingPart | RedactedThinkingPart): Protocol | null => (part.type === 'thinking' ? part.signature : part.data)?.by ?? null;

/** A signature that comes in pieces. */
export const grownSignature = (so: Signature | null, piece: Signature): Signature => (so === null ? piece : { by: so.by, value: so.value + piece.value });
