import { type Conversation } from './conversation.js';
import { type Problems } from './problems.js';

/** Members that some protocols have no counterpart of, and whether a conversation asks for them: a penalty of 0 and one candidate ask for nothing. */
const ASKED = {
  topK: ({ topK }) => topK !== null,
  stop: ({ stop }) => stop.length > 0,
  seed: ({ seed }) => seed !== null,
  presencePenalty: ({ presencePenalty }) => presencePenalty !== null && presencePenalty !== 0,
  frequencyPenalty: ({ frequencyPenalty }) => frequencyPenalty !== null && frequencyPenalty !== 0,
  candidates: ({ candidates }) => candidates !== 1,
  logprobs: ({ logprobs }) => logprobs !== null,
  'reasoning.budgetTokens': ({ reasoning }) => reasoning !== null && reasoning.budgetTokens !== null,
} as const satisfies Readonly<Record<string, (conversation: Conversation) => boolean>>;

type Member = keyof typeof ASKED;

const WHY: Readonly<Record<Member, string>> = {
  topK: 'the number of candidates for a token cannot be limited',
  stop: 'there are no stop sequences',
  seed: 'sampling cannot be seeded',
  presencePenalty: 'there are no penalties',
  frequencyPenalty: 'there are no penalties',
  candidates: 'one answer is given',
  logprobs: 'log probabilities of an answer cannot be carried over',
  'reasoning.budgetTokens': 'there are degrees of effort, but no number of tokens',
};

/** Refuses those of these members that the conversation asks for: its target has no counterpart of them. */
export function refuseUnsayable(conversation: Conversation, members: readonly Member[], problems: Problems): void {
  for (const member of members) if (ASKED[member](conversation)) problems.inexpressible(member, WHY[member]);
}
