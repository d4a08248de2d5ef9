import { type Fields, fieldsOf } from '@apex/common';

/**
 * Whether a model may think by a budget about these messages. A turn that waits for its tools has to begin with what was
 * thought before them, or the request is refused; the docs have the API rather not think for that one request
 * (build-with-claude/extended-thinking, "Graceful thinking degradation"). Where another provider began the turn there is
 * nothing to begin with, and the latter is what has to be asked for.
 */
export function mayThinkByBudget(messages: readonly unknown[]): boolean {
  const last = messages.findLastIndex((message) => fieldsOf(message)['role'] === 'assistant');
  const waits = last !== -1 && blocksOf(messages[last + 1]).some(({ type }) => type === 'tool_result');
  const [first] = blocksOf(messages[last]);
  return !waits || first?.['type'] === 'thinking' || first?.['type'] === 'redacted_thinking';
}

function blocksOf(message: unknown): readonly Fields[] {
  const { content } = fieldsOf(message);
  return Array.isArray(content) ? content.map(fieldsOf) : [];
}

/**
 * The request without thinking by a budget, and without the context editing that is for requests that think; the same object
 * where it does not ask for it, or may.
 */
export function withoutBudget(request: Fields): Fields {
  const { thinking, context_management: management, ...rest } = request;
  const messages: readonly unknown[] = Array.isArray(request['messages']) ? request['messages'] : [];
  if (fieldsOf(thinking)['type'] !== 'enabled' || mayThinkByBudget(messages)) return request;
  const { edits } = fieldsOf(management);
  if (!Array.isArray(edits)) return management === undefined ? rest : { ...rest, context_management: management };
  const kept = edits.filter((edit) => !String(fieldsOf(edit)['type']).startsWith('clear_thinking'));
  return kept.length === 0 ? rest : { ...rest, context_management: { ...fieldsOf(management), edits: kept } };
}
