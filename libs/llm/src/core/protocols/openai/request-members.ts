import { type Fields } from '@apex/common';
import { type EncodedRequest } from '../../dialogue/codec.js';
import { type Reasoning, type ReasoningEffort } from '../../dialogue/conversation.js';

/** A name is demanded for a schema; protocols without one leave it open. */
export const SCHEMA_NAME = 'response';

/** `reasoning_effort` and `reasoning.effort`. */
export function readEffort(effort: ReasoningEffort | 'none' | null | undefined): Reasoning | null {
  if (effort === null || effort === undefined) return null;
  return effort === 'none' ? { enabled: false, effort: null, budgetTokens: null } : { enabled: true, effort, budgetTokens: null };
}

/** Reasoning that is on without saying how much is `medium`, OpenAI's own middle: leaving it out may leave it off. */
export const writeEffort = ({ enabled, effort }: Reasoning): ReasoningEffort | 'none' => (enabled ? (effort ?? 'medium') : 'none');

/** A body of those members that are not null. */
export const requestOf = (members: Fields, ignoredHints: readonly string[]): EncodedRequest => ({
  body: Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null)),
  ...(ignoredHints.length === 0 ? {} : { ignoredHints }),
});
