/**
 * Names of what was left out of a request, for a header: each is told once, and those that differ in their numbers alone are
 * told together, `messages[].content[].cache_control`, for a long conversation has hundreds of them.
 */
export function inBrief(names: readonly string[]): readonly string[] {
  if (names.length === 0) return names;
  const kinds = new Map<string, Set<string>>();
  for (const name of names) {
    const kind = name.replace(/\[\d+\]/g, '[]');
    const alike = kinds.get(kind) ?? new Set();
    kinds.set(kind, alike.add(name));
  }
  return [...kinds].map(([kind, [first, ...more]]) => (more.length === 0 ? (first ?? kind) : kind));
}
