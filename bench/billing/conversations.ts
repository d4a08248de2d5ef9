import { estimateSaving, ExperimentAccumulator } from '@apex/usage';
import { type Step } from './steps.js';

const CONTROLS = 20;
/** What a conversation may take. */
const MAX_BYTES = 200;

/** Bytes of this process that garbage is not. */
function kept(): number {
  gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');

/** The one thing that must grow: conversations are the experiment's unit, and their sums are needed together at its end. */
const conversations: Step = {
  name: 'experiment',
  grows: true,
  what: 'the experiment’s estimate where every request is a conversation of its own, from memory: what a conversation takes',
  run({ records }) {
    const before = kept();
    const experiment = new ExperimentAccumulator();
    for (let i = 0; i < records; i++) {
      experiment.add('2025-10', {
        requestId: `01956c00-0000-7000-8000-${hex(i, 12)}`,
        cluster: hex((i * 2_654_435_761) % 2 ** 32, 32),
        arm: i % CONTROLS === 0 ? 'control' : 'treated',
        covariates: { promptCostPd: ((i % 97) + 1) * 1_000_000, requestedModel: 'gpt-4o', maxTokens: null },
        actualPd: ((i % 97) + (i % 101)) * 1_000_000,
      });
    }
    const each = Math.round((kept() - before) / records);
    const result = estimateSaving(experiment);
    const problems = [...(each <= MAX_BYTES ? [] : [`a conversation takes ${each} bytes`]), ...(result.kind === 'estimated' ? [] : [result.message])];
    return Promise.resolve({ problems, figures: [`${each} bytes per conversation`] });
  },
};

export const CONVERSATION_STEPS: readonly Step[] = [conversations];
