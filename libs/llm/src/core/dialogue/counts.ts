import { type Fields, isFields } from '@apex/common';
import { type TokenUsage } from '@apex/usage';

/** Thrown and caught here alone: a field that is there, but is not a count. */
class NotACount extends Error {}

/** Null for a count that is absent. Within `readCounts` only: what is no count ends the reading. */
export function count(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  // JSON has a -0; adding 0 makes it 0.
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value + 0;
  throw new NotACount();
}

/** The counts within a count's details; none where they are absent. Within `readCounts` only. */
export function details(value: unknown): Fields {
  if (value === undefined || value === null) return {};
  if (isFields(value)) return value;
  throw new NotACount();
}

/** What `read` makes of a provider's usage object; null where there is none, or where something in it, or its sum, is no count. */
export function readCounts(usage: unknown, read: (usage: Fields) => TokenUsage | null): TokenUsage | null {
  if (!isFields(usage)) return null;
  try {
    const counts = read(usage);
    // Sums of counts may be more than a number holds exactly.
    return counts !== null && Number.isSafeInteger(counts.promptTokens) && Number.isSafeInteger(counts.completionTokens) ? counts : null;
  } catch (error) {
    if (error instanceof NotACount) return null;
    throw error;
  }
}
