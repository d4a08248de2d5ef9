import { fieldsOf } from '@apex/common';

/** Tokens of one text by one vocabulary. */
export type CountText = (text: string) => number;

export type EncodingName = 'o200k_base' | 'cl100k_base';

/**
 * The vocabulary of a model. OpenAI's since gpt-4o have `o200k_base`, as does every model that is not OpenAI's: for
 * those a count is an estimate, and recorded as such (`usage_source = 'tokenizer'`).
 */
export const encodingOf = (model: string): EncodingName =>
  /^(?:[\w.-]+\/)*(?:ft:)?(?:gpt-4(?!o|\.\d)|gpt-3\.5|text-embedding-|(?:davinci|babbage)-002)/.test(model) ? 'cl100k_base' : 'o200k_base';

/** OpenAI cookbook, "How to count tokens with tiktoken", 6: for gpt-3.5-turbo, gpt-4, gpt-4o and later. */
const TOKENS_PER_MESSAGE = 3;
const TOKENS_PER_NAME = 1;
const TOKENS_PRIMING_THE_ANSWER = 3;

/**
 * A text without any break is costly to tokenize: byte-pair merging is quadratic in the length of an unbroken run.
 * Longer runs are cut here, and of very long inputs only the beginning is counted and the rest taken to be like it.
 */
const LONGEST_RUN = 512;
const COUNTED_CHARS = 200_000;
const LONG_RUNS = new RegExp(`\\S{${LONGEST_RUN + 1},}`, 'g');

/** Tokens of several texts, in a time that is bounded whatever they hold. Exact up to 200,000 characters of ordinary text. */
export function countTexts(texts: readonly string[], countText: CountText): number {
  let tokens = 0;
  let counted = 0;
  let left = 0;
  for (const text of texts) {
    const part = text.slice(0, Math.max(0, COUNTED_CHARS - counted));
    if (part !== '') tokens += countBounded(part, countText);
    counted += part.length;
    left += text.length - part.length;
  }
  return left === 0 ? tokens : tokens + Math.ceil((left * tokens) / counted);
}

function countBounded(text: string, countText: CountText): number {
  let tokens = 0;
  let from = 0;
  for (const { index, 0: run } of text.matchAll(LONG_RUNS)) {
    tokens += countText(text.slice(from, index));
    for (let at = 0; at < run.length; at += LONGEST_RUN) tokens += countText(run.slice(at, at + LONGEST_RUN));
    from = index + run.length;
  }
  return tokens + (from < text.length ? countText(text.slice(from)) : 0);
}

/**
 * Tokens of the prompt of a chat request: messages, names, tool calls, tool definitions and response schema (these
 * two by their JSON). Images, audio and files count nothing here. Whatever is not as expected is passed over.
 */
export function countChat(body: unknown, countText: CountText): number {
  const request = fieldsOf(body);
  const texts: string[] = [];
  let overhead = TOKENS_PRIMING_THE_ANSWER;
  for (const item of list(request['messages'])) {
    const message = fieldsOf(item);
    overhead += TOKENS_PER_MESSAGE;
    pushString(texts, message['role']);
    if (pushString(texts, message['name'])) overhead += TOKENS_PER_NAME;
    pushContent(texts, message['content']);
    pushString(texts, message['refusal']);
    for (const call of [...list(message['tool_calls']), { function: message['function_call'] }]) {
      const { name, arguments: args } = fieldsOf(fieldsOf(call)['function']) as { name?: unknown; arguments?: unknown };
      pushString(texts, name);
      pushString(texts, args);
    }
  }
  for (const tool of [...list(request['tools']), ...list(request['functions'])]) pushString(texts, JSON.stringify(fieldsOf(tool)['function'] ?? tool));
  pushString(texts, JSON.stringify(fieldsOf(request['response_format'])['json_schema']));
  return overhead + countTexts(texts, countText);
}

function pushContent(texts: string[], content: unknown): void {
  if (pushString(texts, content)) return;
  for (const part of list(content)) {
    pushString(texts, fieldsOf(part)['text']);
    pushString(texts, fieldsOf(part)['refusal']);
  }
}

function pushString(texts: string[], value: unknown): boolean {
  if (typeof value !== 'string') return false;
  texts.push(value);
  return true;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
