/** Between an id and the signature that is told within it. */
export const SEAL = '__sig__';

/**
 * The id of a tool call as a client sees it whose protocol has no place for a provider's signature over the call (Gemini's
 * `thoughtSignature`). The signature must come back with the call, and the id is the one thing that every client sends
 * back unchanged.
 */
export const sealedId = (id: string, signature: string | undefined): string => (signature === undefined ? id : `${id}${SEAL}${Buffer.from(signature, 'utf8').toString('base64url')}`);

/** The other way round. An id that merely looks like a sealed one stays what it is. */
export function openedId(sealed: string): { readonly id: string; readonly signature?: string } {
  const at = sealed.lastIndexOf(SEAL);
  if (at === -1) return { id: sealed };
  const signature = Buffer.from(sealed.slice(at + SEAL.length), 'base64url').toString('utf8');
  return sealedId(sealed.slice(0, at), signature) === sealed ? { id: sealed.slice(0, at), signature } : { id: sealed };
}
