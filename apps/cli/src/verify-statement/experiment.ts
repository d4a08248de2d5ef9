import { canonical, countAt, Finding, type JsonObject, objectAt, textAt } from './canonical.js';
import { type Row, WeightedFit } from './weighted-fit.js';
import { sfc32 } from './sfc32.js';

const MIN_CONTROLS = 30;
const SEED = 20_261_101;
/** With many controls each draw takes long, and fewer do. Of the sorted misses 1% are below the one value, 2.5% above the other. */
const drawsFor = (controls: number) => (controls > 1_000 ? { count: 199, lowest: 2, highest: 5 } : { count: 999, lowest: 10, highest: 25 });

interface Cluster {
  requests: number;
  controlRequests: number;
  actual: bigint;
  first: string;
  isControl: boolean;
  model: string;
  promptCost: number;
  maxTokens: number | null;
}

export interface StratumFound {
  readonly models: readonly string[];
  readonly controls: number;
  readonly treated: number;
  readonly controlRequests: number;
  readonly treatedRequests: number;
  readonly saving: number;
}

/** What the experiment says, in floating point: compared with the statement's figures up to a billionth. */
export interface Estimate {
  readonly saving: number;
  readonly low: number;
  readonly high: number;
  readonly lengthZ: number;
  /** Of all amounts: what a billionth is taken of. */
  readonly scale: number;
  readonly strata: readonly StratumFound[];
}

/** The randomised experiment, computed again from receipts (docs/statement-format.md, "The experiment"). */
export class Experiment {
  private readonly clusters = new Map<string, Cluster>();

  add(month: string, requestId: string, inputs: JsonObject, actual: bigint): void {
    const key = `${month} ${textAt(inputs['cluster'], 'cluster')}`;
    const isControl = inputs['arm'] === 'control';
    let cluster = this.clusters.get(key);
    if (cluster === undefined) {
      cluster = { requests: 0, controlRequests: 0, actual: 0n, first: '', isControl, model: '', promptCost: 0, maxTokens: null };
      this.clusters.set(key, cluster);
    }
    cluster.requests++;
    if (isControl) cluster.controlRequests++;
    cluster.actual += actual;
    if (cluster.first !== '' && cluster.first <= requestId) return;
    const covariates = objectAt(inputs['covariates'], 'covariates');
    cluster.first = requestId;
    cluster.isControl = isControl;
    cluster.model = textAt(covariates['requestedModel'], 'covariates.requestedModel');
    cluster.promptCost = countAt(covariates['promptCostPd'], 'covariates.promptCostPd');
    cluster.maxTokens = covariates['maxTokens'] === null ? null : countAt(covariates['maxTokens'], 'covariates.maxTokens');
  }

  arms(): JsonObject {
    const count = (isControl: boolean): JsonObject => {
      const own = [...this.clusters.values()].filter((one) => one.isControl === isControl);
      return { clusters: own.length, requests: own.reduce((sum, { requests }) => sum + requests, 0) };
    };
    return { treated: count(false), control: count(true) };
  }

  /** @returns the reason where nothing can be estimated */
  estimate(): Estimate | string {
    const all = [...this.clusters].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, cluster]) => cluster);
    const controls = all.filter(({ isControl }) => isControl).length;
    const treated = all.length - controls;
    if (all.length === 0) return 'no_requests';
    if (controls === 0) return 'no_controls';
    if (treated === 0) return 'no_treated';
    if (controls === 1 || treated === 1) return 'one_cluster';
    if (controls < MIN_CONTROLS) return 'too_few_controls';
    const fitted = strata(all).map(fit);
    const error = Math.sqrt(sum(fitted, (one) => one.variance));
    const scale = sum(fitted, (one) => Math.abs(one.forecast));
    if (error <= 1e-9 * scale) return 'zero_variance';
    const { count, lowest, highest } = drawsFor(controls);
    const misses = draws(fitted, count);
    const [low, high] = [misses[lowest - 1]!, misses[count - highest]!];
    if (!Number.isFinite(low) || !Number.isFinite(high)) return 'zero_variance';
    const saving = sum(fitted, ({ found }) => found.saving);
    return { saving, low: saving - error * high, high: saving - error * low, lengthZ: lengthZ(all), scale: scale + error * (Math.abs(low) + Math.abs(high)), strata: fitted.map(({ found }) => found) };
  }
}

interface Stratum {
  readonly models: readonly string[];
  readonly members: readonly Cluster[];
}

const controlsOf = ({ members }: Stratum): number => members.filter(({ isControl }) => isControl).length;

function strata(all: readonly Cluster[]): Stratum[] {
  const byModel = Map.groupBy(all, ({ model }) => model);
  const left = [...byModel].map(([model, members]): Stratum => ({ models: [model], members }));
  left.sort((a, b) => controlsOf(a) - controlsOf(b) || (a.models[0]! < b.models[0]! ? -1 : 1));
  let merged: Stratum = { models: [], members: [] };
  const tooSmall = (): boolean => controlsOf(left[0]!) < MIN_CONTROLS || (merged.models.length > 0 && controlsOf(merged) < MIN_CONTROLS);
  while (left.length > 0 && tooSmall()) {
    const { models, members } = left.shift()!;
    merged = { models: [...merged.models, ...models], members: [...merged.members, ...members] };
  }
  return merged.models.length === 0 ? left : [{ models: [...merged.models].sort(), members: merged.members }, ...left];
}

interface Fitted {
  readonly found: StratumFound;
  readonly forecast: number;
  readonly variance: number;
  /** For the draws: the clusters with what they cost beyond their own arm's fit. */
  readonly rows: readonly Row[];
  readonly controls: number;
}

function fit({ models, members }: Stratum): Fitted {
  const limit = ({ maxTokens }: Cluster): number => (maxTokens === null ? 1 : maxTokens / (maxTokens + 1_000));
  const meanPrompt = sum(members, ({ promptCost }) => promptCost) / members.length;
  const meanLimit = sum(members, limit) / members.length;
  const rows = members.map((one): Row => ({ weight: one.requests, features: [1, meanPrompt === 0 ? 0 : one.promptCost / meanPrompt - 1, limit(one) - meanLimit], cost: Number(one.actual) }));
  const arm = (isControl: boolean): Row[] => rows.filter((_, index) => members[index]!.isControl === isControl);
  const [held, treated] = [arm(true), arm(false)];
  const [byControls, byTreated] = [new WeightedFit(held), new WeightedFit(treated)];
  const forecast = byControls.predict(byTreated.features);
  const residuals = rows.map((row, index): Row => {
    const own = members[index]!.isControl ? byControls : byTreated;
    return { ...row, cost: own.residual(row) / (1 - own.leverage(row)) };
  });
  const requests = (isControl: boolean): number => sum(members.filter((one) => one.isControl === isControl), (one) => one.requests);
  const spent = members.filter(({ isControl }) => !isControl).reduce((all, { actual }) => all + actual, 0n);
  return {
    found: { models, controls: held.length, treated: treated.length, controlRequests: requests(true), treatedRequests: requests(false), saving: forecast - Number(spent) },
    forecast,
    variance: byControls.forecastVariance(byTreated.features, treated.length),
    rows: residuals,
    controls: held.length,
  };
}

/** How far estimates miss in their own standard errors, in the order of size: each draw holds out other clusters. */
function draws(fitted: readonly Fitted[], count: number): Float64Array {
  const random = sfc32(SEED);
  const strata = fitted.map(({ rows, controls }) => ({
    rows,
    controls,
    order: rows.map((_, index) => index),
    cost: sum(rows, (row) => row.cost),
    features: [0, 1, 2].map((feature) => sum(rows, (row) => row.weight * row.features[feature]!)),
  }));
  const misses = new Float64Array(count);
  for (let draw = 0; draw < count; draw++) {
    let miss = 0;
    let variance = 0;
    for (const { rows, controls, order, cost, features } of strata) {
      for (let at = 0; at < controls; at++) {
        const other = at + Math.floor(random() * (order.length - at));
        [order[at], order[other]] = [order[other]!, order[at]!];
      }
      const drawn = order.slice(0, controls).map((index) => rows[index]!);
      const own = new WeightedFit(drawn);
      const others = features.map((all, feature) => all - own.features[feature]!);
      miss += own.predict(others) - (cost - sum(drawn, (row) => row.cost));
      variance += own.forecastVariance(others, rows.length - controls);
    }
    misses[draw] = miss === 0 ? 0 : miss / Math.sqrt(variance);
  }
  return misses.sort();
}

/** Welch's statistic: whether treated conversations have more requests. */
function lengthZ(all: readonly Cluster[]): number {
  const side = (isControl: boolean): { mean: number; variance: number } => {
    const lengths = all.filter((one) => one.isControl === isControl).map(({ requests }) => requests);
    const mean = sum(lengths, (one) => one) / lengths.length;
    return { mean, variance: sum(lengths, (one) => (one - mean) ** 2) / (lengths.length - 1) / lengths.length };
  };
  const [treated, control] = [side(false), side(true)];
  return treated.mean === control.mean ? 0 : (treated.mean - control.mean) / Math.sqrt(treated.variance + control.variance);
}

const sum = <T>(items: readonly T[], amount: (item: T) => number): number => items.reduce((total, item) => total + amount(item), 0);

/** Whether a figure of the statement is the one computed here, as far as floating point can tell. */
export const agrees = (stated: bigint, computed: number, scale: number): boolean => Math.abs(Number(stated) - computed) <= 2 + scale * 1e-9;

/** Strata without their savings, which are compared as numbers. */
export const strataShape = (strata: readonly StratumFound[]): string => canonical(strata.map(({ models, controls, treated }) => ({ models, controls, treated })));

/** @throws Finding for a number that is none */
export function numberOf(text: string, name: string): number {
  const value = Number(text);
  if (text.trim() === '' || (Number.isNaN(value) && text !== 'NaN')) throw new Finding(`${name} is not a number`);
  return value;
}
