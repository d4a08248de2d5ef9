import { ProtocolViolation } from '../../dialogue/codec.js';
import { type StopReason } from '../../dialogue/answer.js';

/** platform.openai.com/docs/api-reference/chat/object; below OpenAI's own, words of compatible servers. */
const REASONS: Readonly<Record<string, StopReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'refusal',
  eos: 'stop',
  eos_token: 'stop',
  stop_sequence: 'stop_sequence',
};

/** What else is known of a candidate that has ended. */
export interface Ending {
  readonly calledTools: boolean;
  readonly refused: boolean;
  /** vLLM's `stop_reason`: the sequence that came, or a token's id. */
  readonly stopReason: unknown;
}

/**
 * Why a candidate ended. `stop` alone does not tell: a forced tool call ends with it
 * (developers.openai.com/api/docs/guides/function-calling), and so does a refusal of the model's.
 * @throws ProtocolViolation for a reason that nobody has heard of
 */
export function readFinishReason(reason: unknown, ending: Ending): { reason: StopReason; stopSequence: string | null } {
  const known = typeof reason === 'string' && Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;
  if (known === undefined) throw new ProtocolViolation(`The provider ended with an unknown finish_reason: ${JSON.stringify(reason)?.slice(0, 100)}`);
  if (known !== 'stop' && known !== 'stop_sequence') return { reason: known, stopSequence: null };
  if (ending.calledTools) return { reason: 'tool_calls', stopSequence: null };
  if (ending.refused) return { reason: 'refusal', stopSequence: null };
  const stopSequence = typeof ending.stopReason === 'string' ? ending.stopReason : null;
  return { reason: stopSequence === null ? known : 'stop_sequence', stopSequence };
}

/**
 * The word for a client. Chat completions have none for a full window, which is `length` as well, nor for an answer that
 * the provider wants to go on with: `length` says truly that it is not whole. A refusal that is told as such ends with `stop`.
 */
export function finishReasonOf(stop: StopReason, refusalTold: boolean): string {
  switch (stop) {
    case 'stop':
    case 'stop_sequence':
      return 'stop';
    case 'length':
    case 'context':
    case 'pause':
      return 'length';
    case 'tool_calls':
      return 'tool_calls';
    case 'refusal':
      return refusalTold ? 'stop' : 'content_filter';
  }
}
