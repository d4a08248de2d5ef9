import { seededRandom } from './random.js';
import { type Design, Regression } from './regression.js';

/** A stratum whose assignment is to be drawn again and again. */
export interface RehearsedStratum {
  readonly design: Design;
  /** What each cluster, of either arm, costs beyond its own arm's fit. */
  readonly residuals: Float64Array;
  /** How many clusters are held out. */
  readonly controls: number;
}

/**
 * How often to rehearse. One more than either is a multiple of 200, so that the shares below are cut off exactly. A rehearsal
 * takes as long as there are controls, and with more than a thousand of them the critical values are close to the normal's anyway.
 */
export const rehearsalsFor = (controls: number): number => (controls <= 1_000 ? 999 : 199);

/**
 * Of the rehearsals, below the lower critical value. 1%, not 2.5%: where the treatment tames costs, the treated show a lighter
 * tail than the controls are drawn from, and the interval's upper end would come out too low. With these shares it covers
 * the truth in 93-97% of simulated periods, whether the treatment does nothing or much (docs/savings.md).
 */
const SHARE_BELOW = 0.01;
/** Above the upper one: the interval's lower end, which bills go by, is nominal. */
const SHARE_ABOVE = 0.025;
/** Any fixed number: who computes again gets the same interval. */
const SEED = 20_261_101;

export interface CriticalValues {
  /** In standard errors: forecasts that came out lower still are `SHARE_BELOW` of all. */
  readonly low: number;
  /** Forecasts that came out higher still are `SHARE_ABOVE` of all. */
  readonly high: number;
}

/**
 * How far, in its own standard errors, the estimate misses: told by rehearsing it. Each time as many clusters as there are
 * controls are drawn from all clusters, the costs of the others are forecast from them, and the forecast is compared with
 * what the others really cost. Nothing is assumed about the shape of costs, and the tail that a few controls have not shown
 * is known from the treated: with a tenth of the clusters' costs in a handful of conversations a forecast from a few of them
 * is mostly too low, and then its standard error is too small as well, so that Student's 1.96 would be far off on one side.
 *
 * This is the randomisation distribution of a studentised, covariate-adjusted estimate: exact where the treatment does
 * nothing, and asymptotically valid where it does something (Wu and Ding, JASA 116, 2021; Zhao and Ding, Journal of
 * Econometrics 225, 2021). Residuals are each arm's own, so that a difference between the arms is not taken for scatter.
 */
export function rehearse(strata: readonly RehearsedStratum[], rehearsals: number): CriticalValues {
  const random = seededRandom(SEED);
  const casts = strata.map((stratum) => new Cast(stratum));
  const misses = new Float64Array(rehearsals);
  for (let rehearsal = 0; rehearsal < rehearsals; rehearsal++) {
    let error = 0;
    let variance = 0;
    for (const cast of casts) {
      cast.draw(random);
      error += cast.error();
      variance += cast.variance();
    }
    misses[rehearsal] = error === 0 ? 0 : error / Math.sqrt(variance);
  }
  misses.sort();
  const cut = (share: number): number => Math.max(1, Math.round((rehearsals + 1) * share));
  return { low: misses[cut(SHARE_BELOW) - 1]!, high: misses[rehearsals - cut(SHARE_ABOVE)]! };
}

class Cast {
  private readonly order: Int32Array;
  private readonly regression: Regression;
  private readonly allFeatures: Float64Array;
  private readonly othersFeatures: Float64Array;
  private readonly allResiduals: number;

  constructor(private readonly stratum: RehearsedStratum) {
    const { design, residuals } = stratum;
    const { width, requests, features } = design;
    this.order = Int32Array.from(residuals, (_, row) => row);
    this.regression = new Regression(design);
    this.allFeatures = new Float64Array(width);
    this.othersFeatures = new Float64Array(width);
    for (let row = 0; row < residuals.length; row++) for (let i = 0; i < width; i++) this.allFeatures[i]! += requests[row]! * features[row * width + i]!;
    this.allResiduals = residuals.reduce((sum, one) => sum + one, 0);
  }

  /** Which clusters are held out this time: the first steps of a Fisher-Yates shuffle. */
  draw(random: () => number): void {
    const { order, stratum, regression, allFeatures, othersFeatures } = this;
    for (let i = 0; i < stratum.controls; i++) {
      const j = i + ((random() * (order.length - i)) | 0);
      const drawn = order[j]!;
      order[j] = order[i]!;
      order[i] = drawn;
    }
    regression.fit(stratum.residuals, order, stratum.controls);
    for (let i = 0; i < othersFeatures.length; i++) othersFeatures[i] = allFeatures[i]! - regression.featureSums[i]!;
  }

  error(): number {
    return this.regression.predict(this.othersFeatures) - (this.allResiduals - this.regression.costSum);
  }

  variance(): number {
    const { residuals, controls } = this.stratum;
    return this.regression.forecastVariance(residuals, this.order, controls, this.othersFeatures, residuals.length - controls);
  }
}
