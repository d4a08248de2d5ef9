/** Generators and helpers that the codecs' tests share. */
export { assistantParts, conversations, ids, jsonObjects, names, texts, type ConversationCapabilities } from './conversations.fakes.js';
export { answers, eventsOf, streamedAnswers, usages, type AnswerCapabilities } from './answers.fakes.js';
export { foldEvents, StreamedError } from './fold-events.fakes.js';
export { mutated } from './mutation.fakes.js';
