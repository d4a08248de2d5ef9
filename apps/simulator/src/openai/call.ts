import { type Fault, FaultSyntaxError, refusalIn } from '../core/faults.js';
import { type Call } from '../http/call.js';
import { badRequest, faultError } from './errors.js';

/**
 * The fault of this call: the one its metadata orders, or one of the random ones.
 * @throws OpenAiError for a misspelt order, and where the fault is a refusal
 */
export function faultOf({ engine, attempt }: Call, metadata: Readonly<Record<string, string>> | null | undefined, model: string): Fault | null {
  const fault = chosen(() => engine.faults.choose(metadata?.['simulate'], metadata?.['simulate_id'], model));
  const refusal = refusalIn(fault, attempt.stream);
  if (refusal) throw faultError(refusal, attempt.model ?? model);
  return fault;
}

function chosen(choose: () => Fault | null): Fault | null {
  try {
    return choose();
  } catch (error) {
    if (error instanceof FaultSyntaxError) throw badRequest(error.message, 'metadata.simulate', 'invalid_value');
    throw error;
  }
}

/** The exact length that `metadata.simulate_tokens` asks for; null: as the prompt suggests. */
export function targetTokensOf(metadata: Readonly<Record<string, string>> | null | undefined, maxOutput: number): number | null {
  const target = Number(metadata?.['simulate_tokens'] ?? Number.NaN);
  return Number.isInteger(target) && target > 0 ? Math.min(target, maxOutput) : null;
}
