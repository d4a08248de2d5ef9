import { type ListOf } from '../core/views.js';

/** A page of rows that were read with one more than `limit`, to know whether there is a next page. */
export function pageOf<R extends { id: string }, V>(rows: readonly R[], limit: number, viewOf: (row: R) => V): ListOf<V> {
  const page = rows.slice(0, limit);
  return { data: page.map(viewOf), next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
}
