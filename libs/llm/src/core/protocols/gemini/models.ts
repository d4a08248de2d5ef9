/**
 * What the codec has to know about models. Their names are open-ended: what is not known to be old has the newest ways,
 * as Google's own and Vercel's clients have it.
 */
const OLD = /(?:^|[/.])gemini-(?:[12](?:\D|$)|pro(?:-vision)?$)/i;
const GEMINI = /(?:^|[/.])gemini-/i;

/** Thinking is set by a budget alone; from Gemini 3 on by a level (ai.google.dev/gemini-api/docs/thinking). */
export const thinksByBudget = (model: string): boolean => OLD.test(model);

/** Function calls that come back without their signature are an error (ai.google.dev/gemini-api/docs/thought-signatures). */
export const wantsCallSignatures = (model: string): boolean => GEMINI.test(model) && !OLD.test(model);

/**
 * Google's signature for calls that no Gemini made, or whose signature the client lost ("Thought signatures", FAQ: history
 * of another model). It signs nothing, so it is read as none.
 */
export const NO_SIGNATURE = 'skip_thought_signature_validator';

const STAND_INS: ReadonlySet<string> = new Set([NO_SIGNATURE, 'context_engineering_is_the_way_to_go'].flatMap((name) => [name, Buffer.from(name, 'utf8').toString('base64')]));

export const isRealSignature = (signature: unknown): signature is string => typeof signature === 'string' && signature !== '' && !STAND_INS.has(signature);
