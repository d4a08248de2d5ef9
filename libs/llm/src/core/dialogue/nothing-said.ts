import { type Conversation } from './conversation.js';

/** What stands where a request says nothing, and where its protocol has no words for it. */
export const NOTHING_SAID: Conversation = {
  model: '',
  system: [],
  turns: [],
  tools: [],
  toolChoice: null,
  parallelTools: null,
  maxOutputTokens: null,
  temperature: null,
  topP: null,
  topK: null,
  stop: [],
  seed: null,
  presencePenalty: null,
  frequencyPenalty: null,
  candidates: 1,
  logprobs: null,
  output: { kind: 'text' },
  reasoning: null,
  endUser: null,
  stream: false,
};
