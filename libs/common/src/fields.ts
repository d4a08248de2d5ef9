/** The members of a JSON object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value that came out of JSON is an object: not null, not an array. */
export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a member of a JSON object says anything: null is as good as absent. */
export const isPresent = <T>(value: T): value is NonNullable<T> => value !== undefined && value !== null;

/** The members of an object that may not be there; none of what is no object. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
