import { type ClusterTable } from './cluster-table.js';

/** A stratum with fewer clusters held out than this is merged with others. */
export const MIN_CONTROLS = 30;

export interface Stratum {
  readonly models: readonly string[];
  /** Of the table. */
  readonly rows: Uint32Array;
  readonly controls: number;
}

/**
 * Clusters by the model that their opening asked for. All strata with fewer than `MIN_CONTROLS` controls become one; if that
 * one still has too few, it takes in the strata with the fewest controls, one after the other.
 * @param rows in the order that they are to have in their stratum
 */
export function strataOf(table: ClusterTable, rows: Uint32Array): Stratum[] {
  const byModel = new Map<string, { clusters: number; controls: number }>();
  for (const row of rows) {
    const model = table.model(row);
    let known = byModel.get(model);
    if (known === undefined) byModel.set(model, (known = { clusters: 0, controls: 0 }));
    known.clusters++;
    if (table.isControl(row)) known.controls++;
  }
  const strata = [...byModel].map(([model, { clusters, controls }]): Stratum => ({ models: [model], rows: new Uint32Array(clusters), controls }));
  const fill = new Map(strata.map((stratum) => [stratum.models[0]!, { rows: stratum.rows, next: 0 }]));
  for (const row of rows) {
    const filling = fill.get(table.model(row))!;
    filling.rows[filling.next++] = row;
  }
  // Names settle ties, so that the order of requests decides nothing.
  strata.sort((a, b) => a.controls - b.controls || (a.models[0]! < b.models[0]! ? -1 : 1));
  const small: Stratum[] = [];
  let controls = 0;
  while (strata.length > 0 && (strata[0]!.controls < MIN_CONTROLS || (small.length > 0 && controls < MIN_CONTROLS))) {
    const next = strata.shift()!;
    small.push(next);
    controls += next.controls;
  }
  return small.length === 0 ? strata : [{ models: small.flatMap(({ models }) => models).sort(), rows: joined(small.map((one) => one.rows)), controls }, ...strata];
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
