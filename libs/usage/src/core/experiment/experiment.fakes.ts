import fc from 'fast-check';
import { type Arm } from '../savings/receipt.types.js';
import { ExperimentAccumulator } from './accumulator.js';
import { type AssignedRequest } from './experiment.types.js';
import { seededRandom } from './random.js';

/** Requests of a few conversations: everything that can be told apart, and amounts whose sums a number cannot hold. */
export const assignedRequests: fc.Arbitrary<AssignedRequest[]> = fc.array(
  fc.record({
    requestId: fc.uuid({ version: 7 }),
    cluster: fc.constantFrom('a', 'b', 'c', 'd'),
    arm: fc.constantFrom<Arm>('treated', 'control'),
    covariates: fc.record({ promptCostPd: fc.nat(1_000_000_000), requestedModel: fc.constantFrom('large', 'small'), maxTokens: fc.option(fc.nat(4_096)) }),
    actualPd: fc.oneof(fc.nat(1_000_000), fc.maxSafeNat()),
  }),
  { maxLength: 60 },
);

export function accumulated(requests: readonly AssignedRequest[], period = '2026-11'): ExperimentAccumulator {
  const experiment = new ExperimentAccumulator();
  for (const request of requests) experiment.add(period, request);
  return experiment;
}

export interface Traffic {
  readonly conversations?: number;
  readonly controlShare?: number;
  readonly model?: string;
  /** What a request costs of a conversation with this prompt, untreated. */
  readonly cost?: (promptCostPd: number, random: () => number) => number;
  /** What the treatment makes of a request's cost. */
  readonly treat?: (cost: number) => number;
  readonly turns?: (random: () => number, arm: Arm) => number;
  readonly seed?: number;
}

let serial = 0;

/** Conversations of up to five requests, the arms drawn at random; ids count up, so that openings are the first requests. */
export function traffic({ conversations = 800, controlShare = 0.25, model = 'large', cost = (prompt, random) => 2 * prompt + 1_000_000 * random(), treat = (cost) => cost, turns = (random) => 1 + Math.floor(5 * random()), seed = 1 }: Traffic = {}): AssignedRequest[] {
  const random = seededRandom(seed);
  return Array.from({ length: conversations }, (_, index) => {
    const arm: Arm = random() < controlShare ? 'control' : 'treated';
    const promptCostPd = 100_000 + Math.floor(5_000_000 * random() ** 4);
    const maxTokens = random() < 0.5 ? null : 1 + Math.floor(4_000 * random());
    return Array.from({ length: turns(random, arm) }, () => {
      const untreated = Math.round(cost(promptCostPd, random));
      return { requestId: requestId(serial++), cluster: `${model}-${seed}-${index}`, arm, covariates: { promptCostPd, requestedModel: model, maxTokens }, actualPd: arm === 'control' ? untreated : Math.round(treat(untreated)) };
    });
  }).flat();
}

const requestId = (count: number): string => `01956c00-0000-7000-8000-${count.toString(16).padStart(12, '0')}`;
