import { type ClusterTotals } from './experiment.types.js';

/** A stratum with fewer clusters held out than this is merged with others. */
export const MIN_CONTROLS = 30;

export interface Stratum {
  readonly models: readonly string[];
  readonly clusters: readonly ClusterTotals[];
  readonly controls: number;
}

/**
 * Clusters by the model that their opening asked for. All strata with fewer than `MIN_CONTROLS` controls become one; if that
 * one still has too few, it takes in the strata with the fewest controls, one after the other.
 */
export function strataOf(clusters: readonly ClusterTotals[]): Stratum[] {
  const byModel = Map.groupBy(clusters, ({ opening }) => opening.covariates.requestedModel);
  const strata = [...byModel].map(([model, members]) => ({ models: [model], clusters: members, controls: members.filter(isControl).length }));
  // Names settle ties, so that the order of requests decides nothing.
  strata.sort((a, b) => a.controls - b.controls || (a.models[0]! < b.models[0]! ? -1 : 1));
  const small: Stratum[] = [];
  let controls = 0;
  while (strata.length > 0 && (strata[0]!.controls < MIN_CONTROLS || (small.length > 0 && controls < MIN_CONTROLS))) {
    const next = strata.shift()!;
    small.push(next);
    controls += next.controls;
  }
  return small.length === 0 ? strata : [{ models: small.flatMap(({ models }) => models).sort(), clusters: small.flatMap((one) => one.clusters), controls }, ...strata];
}

export const isControl = ({ opening }: ClusterTotals): boolean => opening.arm === 'control';
