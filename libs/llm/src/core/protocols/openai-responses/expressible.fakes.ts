import { type Answer } from '../../dialogue/answer.js';
import { type AnswerCapabilities } from '../../dialogue/dialogue.fakes.js';

/** What of an answer this protocol can say. */
export const EXPRESSIBLE: Partial<AnswerCapabilities> = { candidates: false, stops: ['stop', 'length', 'refusal', 'pause'], stopSequences: false };

/** An answer that holds a refusal and is done was a refusal: there is no other sign of it. */
export const asRefused = (answer: Answer): Answer => ({
  ...answer,
  candidates: answer.candidates.map((candidate) => (candidate.stop === 'stop' && candidate.parts.some(({ type }) => type === 'refusal') ? { ...candidate, stop: 'refusal' } : candidate)),
});
