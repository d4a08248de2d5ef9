import { type ClusterTotals } from './experiment.types.js';
import { ExperimentAccumulator } from './accumulator.js';

const { ceil, cos, exp, floor, log, min, PI, round, sqrt } = Math;

/** How heavy the tails of prompts and answers are. Pareto's index of 2.5 has a variance, but no third moment. */
export type Tail = 'lognormal' | 'pareto';
/**
 * What the treatment does. `none`: nothing. `caches`: one request in eight is a hit of the exact cache. `routing`: one in
 * twelve is a hit, and 60% of the others that a cheaper model could answer go to it; it is 1.5x as verbose, and its answers
 * lengthen the conversation's later prompts. `harm`: nothing but answers that are 30% longer.
 */
export type Effect = 'none' | 'caches' | 'routing' | 'harm';

export interface Workload {
  readonly tail: Tail;
  readonly effect: Effect;
  readonly conversations: number;
  readonly controlShare: number;
}

export interface SimulatedPeriod {
  readonly experiment: ExperimentAccumulator;
  /** What the treated requests would have cost untreated, less what they cost: known here, because both were played. */
  readonly truePd: bigint;
  /** What the treated requests would have cost untreated. */
  readonly untreatedPd: bigint;
  /** What receipts claim whose baselines are `inflation` times what they should be. */
  claimed(inflation?: number): { readonly savingPd: bigint; readonly losslessPd: bigint };
}

interface Model {
  readonly name: string;
  readonly share: number;
  /** Picodollars per token. */
  readonly input: number;
  readonly output: number;
}

/** The last one has too few controls to be a stratum of its own, unless there are many conversations. */
const MODELS: readonly Model[] = [
  { name: 'large', share: 0.6, input: 2_500_000, output: 10_000_000 },
  { name: 'small', share: 0.35, input: 150_000, output: 600_000 },
  { name: 'largest', share: 0.05, input: 5_000_000, output: 25_000_000 },
];
const CHEAPER = MODELS[1]!;
const ROUTED = 0.6;
const VERBOSITY = 1.5;
const HARM = 1.3;
const HITS: Readonly<Record<Effect, number>> = { none: 0, caches: 1 / 8, routing: 1 / 12, harm: 0 };
const CONTEXT = 128_000;
const LONGEST_ANSWER = 32_000;
const OPENING_ID = '01956c00-0000-7000-8000-000000000001';

/** One period of one customer, conversation by conversation; each is played twice from the same draws, treated and not. */
export function simulatePeriod(random: () => number, workload: Workload): SimulatedPeriod {
  const experiment = new ExperimentAccumulator();
  const receipts = new Receipts();
  let saved = 0;
  let untreated = 0;
  for (let index = 0; index < workload.conversations; index++) {
    const isControl = random() < workload.controlShare;
    const { model, turns, prompt, maxTokens, cost, treatedCost } = playConversation(random, workload, isControl, receipts);
    if (!isControl) {
      saved += cost - treatedCost;
      untreated += cost;
    }
    const totals: ClusterTotals = {
      requests: turns,
      controlRequests: isControl ? turns : 0,
      actualPd: BigInt(isControl ? cost : treatedCost),
      opening: { requestId: OPENING_ID, arm: isControl ? 'control' : 'treated', covariates: { promptCostPd: model.input * prompt, requestedModel: model.name, maxTokens } },
    };
    experiment.addTotals('simulated', index.toString(36).padStart(5, '0'), totals);
  }
  return { experiment, truePd: BigInt(saved), untreatedPd: BigInt(untreated), claimed: (inflation = 1) => receipts.claim(inflation) };
}

function playConversation(random: () => number, { tail, effect }: Workload, isControl: boolean, receipts: Receipts) {
  const model = requestedModel(random());
  const turns = conversationLength(random, tail);
  const prompt = ceil(tail === 'lognormal' ? 900 * exp(normal(random)) : min(CONTEXT, 500 * pareto(random)));
  const maxTokens = answerLimit(random());
  const chattiness = exp(0.4 * normal(random)) * (prompt / 900) ** 0.15;
  let [cost, treatedCost] = [0, 0];
  let [sent, treatedSent] = [prompt, prompt];
  for (let turn = 0; turn < turns; turn++) {
    const drawn = tail === 'lognormal' ? 200 * exp(0.7 * normal(random)) : min(LONGEST_ANSWER, 150 * pareto(random));
    const answer = limited(drawn * chattiness, maxTokens);
    const question = 30 + floor(50 * random());
    const [hit, routed] = [random() < HITS[effect], random() < ROUTED && effect === 'routing' && model !== CHEAPER];
    cost += model.input * sent + model.output * answer;
    const asked = model.input * treatedSent + model.output * answer;
    let treatedAnswer = answer;
    if (hit) {
      if (!isControl) receipts.hit(asked);
    } else if (routed) {
      treatedAnswer = limited(answer * VERBOSITY, maxTokens);
      const actual = CHEAPER.input * treatedSent + CHEAPER.output * treatedAnswer;
      treatedCost += actual;
      if (!isControl) receipts.routed(model, treatedSent, treatedAnswer, actual);
    } else if (effect === 'harm') {
      treatedAnswer = limited(answer * HARM, maxTokens);
      treatedCost += model.input * treatedSent + model.output * treatedAnswer;
    } else treatedCost += asked;
    if (isControl && model !== CHEAPER) receipts.control(answer);
    sent += question + answer;
    treatedSent += question + treatedAnswer;
  }
  return { model, turns, prompt, maxTokens, cost, treatedCost };
}

/** What receipts add up to. They see the requests as they were sent: prompts that more verbose answers have made longer. */
class Receipts {
  private hits = 0;
  private routedPrompts = 0;
  private routedAnswers = 0;
  private routedActual = 0;
  private readonly lengths = { controls: 0, controlTokens: 0, routed: 0, routedTokens: 0 };

  hit(baseline: number): void {
    this.hits += baseline;
  }

  routed(model: Model, prompt: number, answer: number, actual: number): void {
    this.routedPrompts += model.input * prompt;
    this.routedAnswers += model.output * answer;
    this.routedActual += actual;
    this.lengths.routed++;
    this.lengths.routedTokens += answer;
  }

  control(answer: number): void {
    this.lengths.controls++;
    this.lengths.controlTokens += answer;
  }

  claim(inflation: number): { savingPd: bigint; losslessPd: bigint } {
    const { controls, controlTokens, routed, routedTokens } = this.lengths;
    // Length of the requested model's answers to that of the served one's, learned from controls and at most 1.
    const ratio = controls === 0 || routed === 0 ? 0 : min(1, controlTokens / controls / (routedTokens / routed));
    const lossless = round(inflation * this.hits);
    return { losslessPd: BigInt(lossless), savingPd: BigInt(lossless + round(inflation * (this.routedPrompts + ratio * this.routedAnswers) - this.routedActual)) };
  }
}

function requestedModel(at: number): Model {
  let left = at;
  return MODELS.find(({ share }) => (left -= share) < 0) ?? MODELS[0]!;
}

/** Three turns on average, at most forty; with the heavier tail one conversation in twenty is three times as long. */
function conversationLength(random: () => number, tail: Tail): number {
  const goesOn = tail === 'pareto' && random() < 0.05 ? 8 / 9 : 2 / 3;
  let turns = 1;
  while (turns < 40 && random() < goesOn) turns++;
  return turns;
}

const answerLimit = (at: number): number | null => (at < 0.5 ? null : at < 0.7 ? 256 : at < 0.9 ? 1_024 : 4_096);

const limited = (tokens: number, maxTokens: number | null): number => min(maxTokens ?? Infinity, ceil(tokens));

/** At least 1, index 2.5. */
const pareto = (random: () => number): number => (1 - random()) ** -0.4;

/** Box and Muller. */
const normal = (random: () => number): number => sqrt(-2 * log(1 - random())) * cos(2 * PI * random());
