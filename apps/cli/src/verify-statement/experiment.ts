import { canonical, countAt, Finding, type JsonObject, objectAt, textAt } from './canonical.js';
import { type Rows, WeightedFit, WIDTH } from './weighted-fit.js';
import { sfc32 } from './sfc32.js';

const MIN_CONTROLS = 30;
const SEED = 20_261_101;
/** With many controls each draw takes long, and fewer do. Of the sorted misses 1% are below the one value, 2.5% above the other. */
const drawsFor = (controls: number) => (controls > 1_000 ? { count: 199, lowest: 2, highest: 5 } : { count: 999, lowest: 10, highest: 25 });

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

/**
 * Clusters as columns: there may be one for each receipt, and numbers side by side are a fifth of what objects would be. A
 * cluster is told by its place.
 */
class Clusters {
  private readonly places = new Map<string, number>();
  private readonly modelNames = new Map<string, string>();
  readonly requests: number[] = [];
  readonly actual: bigint[] = [];
  readonly isControl: boolean[] = [];
  readonly model: string[] = [];
  readonly promptCost: number[] = [];
  /** -1 for no limit. */
  readonly maxTokens: number[] = [];

  /** Requests come in the order of their ids: the first one that is seen of a cluster is its first. */
  add(name: string, inputs: JsonObject, isControl: boolean, actual: bigint): void {
    const place = this.places.get(name) ?? this.open(name, inputs, isControl);
    this.requests[place]!++;
    this.actual[place]! += actual;
  }

  /** Places in the order of clusters' names. */
  inOrder(): Uint32Array {
    const names = [...this.places.keys()];
    return Uint32Array.from(names.keys()).sort((a, b) => (names[a]! < names[b]! ? -1 : 1));
  }

  private open(name: string, inputs: JsonObject, isControl: boolean): number {
    const place = this.places.size;
    const covariates = objectAt(inputs['covariates'], 'covariates');
    const model = textAt(covariates['requestedModel'], 'covariates.requestedModel');
    // One text for all clusters of a model: each line has its own.
    if (!this.modelNames.has(model)) this.modelNames.set(model, model);
    this.places.set(name, place);
    this.requests.push(0);
    this.actual.push(0n);
    this.isControl.push(isControl);
    this.model.push(this.modelNames.get(model)!);
    this.promptCost.push(countAt(covariates['promptCostPd'], 'covariates.promptCostPd'));
    this.maxTokens.push(covariates['maxTokens'] === null ? -1 : countAt(covariates['maxTokens'], 'covariates.maxTokens'));
    return place;
  }
}

/** The randomised experiment, computed again from receipts (docs/statement-format.md, "The experiment"). */
export class Experiment {
  private readonly clusters = new Clusters();

  /** Requests in the order of their ids. */
  add(month: string, inputs: JsonObject, actual: bigint): void {
    this.clusters.add(`${month} ${textAt(inputs['cluster'], 'cluster')}`, inputs, inputs['arm'] === 'control', actual);
  }

  arms(): JsonObject {
    const { requests, isControl } = this.clusters;
    const arms = { treated: { clusters: 0, requests: 0 }, control: { clusters: 0, requests: 0 } };
    for (const [place, isHeldOut] of isControl.entries()) {
      const arm = arms[isHeldOut ? 'control' : 'treated'];
      arm.clusters++;
      arm.requests += requests[place]!;
    }
    return arms;
  }

  /** @returns the reason where nothing can be estimated */
  estimate(): Estimate | string {
    const { clusters } = this;
    const all = clusters.inOrder();
    const controls = controlsOf(clusters, all);
    const treated = all.length - controls;
    if (all.length === 0) return 'no_requests';
    if (controls === 0) return 'no_controls';
    if (treated === 0) return 'no_treated';
    if (controls === 1 || treated === 1) return 'one_cluster';
    if (controls < MIN_CONTROLS) return 'too_few_controls';
    const fitted = strata(clusters, all).map((stratum) => fit(clusters, stratum));
    const error = Math.sqrt(sum(fitted, (one) => one.variance));
    const scale = sum(fitted, (one) => Math.abs(one.forecast));
    if (error <= 1e-9 * scale) return 'zero_variance';
    const { count, lowest, highest } = drawsFor(controls);
    const misses = draws(fitted, count);
    const [low, high] = [misses[lowest - 1]!, misses[count - highest]!];
    if (!Number.isFinite(low) || !Number.isFinite(high)) return 'zero_variance';
    const saving = sum(fitted, ({ found }) => found.saving);
    return { saving, low: saving - error * high, high: saving - error * low, lengthZ: lengthZ(clusters, all), scale: scale + error * (Math.abs(low) + Math.abs(high)), strata: fitted.map(({ found }) => found) };
  }
}

interface Stratum {
  readonly models: readonly string[];
  /** Places. */
  readonly members: Uint32Array;
}

const controlsOf = ({ isControl }: Clusters, places: Uint32Array): number => sum(places, (place) => (isControl[place]! ? 1 : 0));

function strata(clusters: Clusters, all: Uint32Array): Stratum[] {
  const models = [...new Set(clusters.model)];
  const left = models.map((model) => {
    const members = all.filter((place) => clusters.model[place] === model);
    return { models: [model], members, controls: controlsOf(clusters, members) };
  });
  left.sort((a, b) => a.controls - b.controls || (a.models[0]! < b.models[0]! ? -1 : 1));
  const merged = { models: [] as string[], members: [] as Uint32Array[], controls: 0 };
  while (left.length > 0 && (left[0]!.controls < MIN_CONTROLS || (merged.models.length > 0 && merged.controls < MIN_CONTROLS))) {
    const next = left.shift()!;
    merged.models.push(...next.models);
    merged.members.push(next.members);
    merged.controls += next.controls;
  }
  if (merged.models.length === 0) return left;
  const members = new Uint32Array(sum(merged.members, ({ length }) => length));
  merged.members.reduce((at, one) => (members.set(one, at), at + one.length), 0);
  return [{ models: merged.models.sort(), members }, ...left];
}

interface Fitted {
  readonly found: StratumFound;
  readonly forecast: number;
  readonly variance: number;
  /** For the draws: the clusters with what they cost beyond their own arm's fit. */
  readonly rows: Rows;
  readonly controls: number;
}

function fit({ requests, isControl, promptCost, maxTokens, actual }: Clusters, { models, members }: Stratum): Fitted {
  const size = members.length;
  const limit = (place: number): number => (maxTokens[place] === -1 ? 1 : maxTokens[place]! / (maxTokens[place]! + 1_000));
  const meanPrompt = sum(members, (place) => promptCost[place]!) / size;
  const meanLimit = sum(members, limit) / size;
  const rows: Rows = { weights: new Float64Array(size), features: new Float64Array(size * WIDTH), costs: new Float64Array(size) };
  members.forEach((place, row) => {
    rows.weights[row] = requests[place]!;
    rows.features.set([1, meanPrompt === 0 ? 0 : promptCost[place]! / meanPrompt - 1, limit(place) - meanLimit], row * WIDTH);
    rows.costs[row] = Number(actual[place]);
  });
  const every = Uint32Array.from(members.keys());
  const held = every.filter((row) => isControl[members[row]!]);
  const treated = every.filter((row) => !isControl[members[row]!]);
  const [byControls, byTreated] = [new WeightedFit(rows, held), new WeightedFit(rows, treated)];
  const forecast = byControls.predict(byTreated.features);
  const residuals = new Float64Array(size);
  for (const row of every) {
    const own = isControl[members[row]!] ? byControls : byTreated;
    residuals[row] = own.residual(row) / (1 - own.leverage(row));
  }
  let spent = 0n;
  for (const row of treated) spent += actual[members[row]!]!;
  const requestsOf = (arm: Uint32Array): number => sum(arm, (row) => rows.weights[row]!);
  return {
    found: { models, controls: held.length, treated: treated.length, controlRequests: requestsOf(held), treatedRequests: requestsOf(treated), saving: forecast - Number(spent) },
    forecast,
    variance: byControls.forecastVariance(byTreated.features, treated.length),
    rows: { ...rows, costs: residuals },
    controls: held.length,
  };
}

/** How far estimates miss in their own standard errors, in the order of size: each draw holds out other clusters. */
function draws(fitted: readonly Fitted[], count: number): Float64Array {
  const random = sfc32(SEED);
  const strata = fitted.map(({ rows, controls }) => {
    const order = Uint32Array.from(rows.costs.keys());
    return { rows, controls, order, cost: sum(rows.costs, (cost) => cost), features: [0, 1, 2].map((feature) => sum(order, (row) => rows.weights[row]! * rows.features[row * WIDTH + feature]!)) };
  });
  const misses = new Float64Array(count);
  for (let draw = 0; draw < count; draw++) {
    let miss = 0;
    let variance = 0;
    for (const { rows, controls, order, cost, features } of strata) {
      for (let at = 0; at < controls; at++) {
        const other = at + Math.floor(random() * (order.length - at));
        [order[at], order[other]] = [order[other]!, order[at]!];
      }
      const drawn = order.subarray(0, controls);
      const own = new WeightedFit(rows, drawn);
      const others = features.map((all, feature) => all - own.features[feature]!);
      miss += own.predict(others) - (cost - sum(drawn, (row) => rows.costs[row]!));
      variance += own.forecastVariance(others, order.length - controls);
    }
    misses[draw] = miss === 0 ? 0 : miss / Math.sqrt(variance);
  }
  return misses.sort();
}

/** Welch's statistic: whether treated conversations have more requests. */
function lengthZ({ requests, isControl }: Clusters, all: Uint32Array): number {
  const side = (wanted: boolean): { mean: number; variance: number } => {
    const own = all.filter((place) => isControl[place] === wanted);
    const mean = sum(own, (place) => requests[place]!) / own.length;
    return { mean, variance: sum(own, (place) => (requests[place]! - mean) ** 2) / (own.length - 1) / own.length };
  };
  const [treated, control] = [side(false), side(true)];
  return treated.mean === control.mean ? 0 : (treated.mean - control.mean) / Math.sqrt(treated.variance + control.variance);
}

function sum<T>(items: Iterable<T>, amount: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += amount(item);
  return total;
}

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
