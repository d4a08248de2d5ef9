/** Members whose inside is the caller's own, not the protocol's. */
const FREE = new Set(['args', 'response', 'parametersJsonSchema', 'responseJsonSchema', 'labels', 'partMetadata', 'enum', 'required', 'propertyOrdering', 'default', 'example']);

const camel = (name: string): string => name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());

export const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A body with its members in camel case: Google's JSON takes `system_instruction` for `systemInstruction`. */
export function inCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCamelCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => {
    const name = camel(key);
    if (FREE.has(name)) return [name, inner];
    // The names of a schema's properties are the caller's, and what they stand for are schemas again.
    return [name, name === 'properties' && typeof inner === 'object' && inner !== null ? Object.fromEntries(Object.entries(inner).map(([property, schema]) => [property, inCamelCase(schema)])) : inCamelCase(inner)];
  }));
}
