import { type Fields } from '@apex/common';
import { z } from 'zod';
import { type Reasoning, type ReasoningEffort } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';
import { thinksByBudget } from './models.js';

/**
 * `Reasoning` and `generationConfig.thinkingConfig` (ai.google.dev/gemini-api/docs/thinking):
 *
 * | Reasoning | Gemini 3 and later | Gemini 2.5 and before |
 * |-|-|-|
 * | null | absent | absent |
 * | off | `thinkingBudget: 0` | `thinkingBudget: 0` |
 * | on | `includeThoughts: true` | `thinkingBudget: -1` (the model decides) |
 * | effort `minimal`, `low`, `medium`, `high` | `thinkingLevel` of that name | `thinkingBudget` 1,024, 1,024, 8,192, 24,576: what Google's OpenAI endpoint makes of them |
 * | effort `xhigh` | `thinkingLevel: XHIGH` (Gemini 4 Hydrogen's guide) | refused |
 * | effort `max` | refused | refused |
 * | budget n | `thinkingBudget: n` | `thinkingBudget: n` |
 *
 * Every reasoning that is on asks for the thoughts (`includeThoughts`): whether a client sees them is its own protocol's
 * matter. A model that cannot do what is asked (switch thinking off, for one) says so itself.
 */
export const thinkingConfigSchema = z.strictObject({
  thinkingBudget: z.int().min(-1).nullish(),
  thinkingLevel: z.enum(['THINKING_LEVEL_UNSPECIFIED', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH', 'XHIGH']).nullish(),
  includeThoughts: z.boolean().nullish(),
});

const LEVELS = { minimal: 'MINIMAL', low: 'LOW', medium: 'MEDIUM', high: 'HIGH', xhigh: 'XHIGH', max: null } as const satisfies Record<ReasoningEffort, string | null>;
const BUDGETS = { minimal: 1_024, low: 1_024, medium: 8_192, high: 24_576, xhigh: null, max: null } as const satisfies Record<ReasoningEffort, number | null>;
const EFFORTS = { MINIMAL: 'minimal', LOW: 'low', MEDIUM: 'medium', HIGH: 'high', XHIGH: 'xhigh' } as const;

export function encodeReasoning(reasoning: Reasoning, model: string, problems: Problems): Fields | null {
  const { enabled, effort, budgetTokens } = reasoning;
  if (!enabled) return { thinkingBudget: 0 };
  const old = thinksByBudget(model);
  if (budgetTokens !== null) return { thinkingBudget: budgetTokens, includeThoughts: true };
  if (effort === null) return old ? { thinkingBudget: -1, includeThoughts: true } : { includeThoughts: true };
  const said = old ? BUDGETS[effort] : LEVELS[effort];
  if (said === null) {
    problems.inexpressible('reasoning.effort', `the model has no thinking level like ${effort}`);
    return null;
  }
  return old ? { thinkingBudget: said, includeThoughts: true } : { thinkingLevel: said, includeThoughts: true };
}

export function decodeReasoning(config: z.infer<typeof thinkingConfigSchema>, path: string, problems: Problems): Reasoning | null {
  const { thinkingBudget: budget, thinkingLevel: level } = config;
  const on = { enabled: true, effort: null, budgetTokens: null };
  if (level != null && level !== 'THINKING_LEVEL_UNSPECIFIED') {
    if (budget != null) problems.invalid(at(path, 'thinkingBudget'), 'thinkingLevel and thinkingBudget cannot both be set');
    return { ...on, effort: EFFORTS[level] };
  }
  if (budget === 0) return { ...on, enabled: false };
  if (budget === -1) return on;
  if (budget != null) return { ...on, budgetTokens: budget };
  return config.includeThoughts === true ? on : null;
}
