import { type Candidate, type StopReason } from '../../dialogue/answer.js';

/**
 * Why generation ended (ai.google.dev/api/generate-content, `FinishReason`):
 *
 * | Gemini | Answer |
 * |-|-|
 * | `STOP` | `tool_calls` where there are calls, else `stop`; which stop sequence came is not told |
 * | `MAX_TOKENS`, `CONTINUATION` | `length`: the limit of the request, of one piece of a long answer |
 * | `SAFETY`, `RECITATION`, `LANGUAGE`, `BLOCKLIST`, `PROHIBITED_CONTENT`, `SPII`, `IMAGE_*`, `OTHER` | `refusal` |
 * | a prompt with a `blockReason` | `refusal` |
 * | `MALFORMED_FUNCTION_CALL`, `UNEXPECTED_TOOL_CALL`, `TOO_MANY_TOOL_CALLS`, `MALFORMED_RESPONSE`, `NO_IMAGE`, unheard ones | `refusal`, with the reason as its text where there is no `finishMessage`: nothing usable came, and that is not to look like a success |
 *
 * A `finishMessage` of a refusal is its text: a `refusal` part at the end.
 */
export interface Ending {
  readonly reason: StopReason;
  /** The text of a refusal part that ends the answer. */
  readonly refusal: string | null;
}

const FILTERED: ReadonlySet<string> = new Set([
  'SAFETY', 'RECITATION', 'LANGUAGE', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'OTHER', 'IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION', 'IMAGE_OTHER',
]);

export function readEnding(finishReason: string, finishMessage: string | null, hasCalls: boolean): Ending {
  switch (finishReason) {
    case 'STOP':
    case 'FINISH_REASON_UNSPECIFIED':
      return { reason: hasCalls ? 'tool_calls' : 'stop', refusal: null };
    case 'MAX_TOKENS':
    case 'CONTINUATION':
      return { reason: 'length', refusal: null };
    default:
      return { reason: 'refusal', refusal: finishMessage ?? (FILTERED.has(finishReason) ? null : finishReason) };
  }
}

/** Gemini has no word for a full window, nor for a provider that wants to be called again with its own words. */
export function writeFinishReason(stop: StopReason): string {
  switch (stop) {
    case 'stop':
    case 'stop_sequence':
    case 'tool_calls':
      return 'STOP';
    case 'length':
    case 'context':
      return 'MAX_TOKENS';
    case 'refusal':
      return 'SAFETY';
    case 'pause':
      return 'CONTINUATION';
  }
}

/** What Gemini says where its own model writes arguments that are no JSON object. */
export const malformedCall = (name: string, args: string): { readonly finishReason: string; readonly finishMessage: string } => ({
  finishReason: 'MALFORMED_FUNCTION_CALL',
  finishMessage: `Malformed function call: ${name}(${args})`,
});

/** The parts that come as such, and the refusal that comes as `finishMessage`: the last one of an answer that ends with it. */
export function splitRefusal(candidate: Candidate): { readonly parts: Candidate['parts']; readonly message: string | null } {
  const last = candidate.parts.at(-1);
  if (candidate.stop !== 'refusal' || last?.type !== 'refusal') return { parts: candidate.parts, message: null };
  return { parts: candidate.parts.slice(0, -1), message: last.text };
}
