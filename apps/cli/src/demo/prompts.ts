import { Failure } from '../failure.js';
import { linesOf, parseLine } from '../jsonl.js';

/** Members in which the usual prompt sets keep their text, the likeliest first. */
const TEXT_FIELDS = ['prompt', 'text', 'instruction', 'question', 'input', 'content', 'query', 'origin', 'a'] as const;

export type Message = Readonly<Record<string, unknown>>;

export interface Prompts {
  /** The first `limit` prompts, as the messages of a chat. */
  readonly chats: readonly (readonly Message[])[];
  /** Lines of the file that hold something. */
  readonly total: number;
}

/**
 * Reads prompts from JSONL, gzipped or not (told by its first bytes): a line is a string, or an object with `messages`
 * as chats have them, or with one of the usual text members.
 * @throws Failure for a file that cannot be read or a line that holds no prompt, naming the line
 */
export async function readPrompts(file: string, limit: number): Promise<Prompts> {
  const chats: (readonly Message[])[] = [];
  let total = 0;
  for await (const { line, lineNo } of linesOf(file)) {
    total++;
    if (chats.length < limit) chats.push(toChat(line, lineNo));
  }
  if (total === 0) throw new Failure(`${file} holds no prompts.`);
  return { chats, total };
}

function toChat(line: string, lineNo: number): readonly Message[] {
  const value = parseLine(line, lineNo);
  if (typeof value === 'string') return [{ role: 'user', content: value }];
  const record = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (Array.isArray(record['messages'])) return record['messages'] as Message[];
  for (const field of TEXT_FIELDS) {
    const text = record[field];
    if (typeof text === 'string' && text !== '') return [{ role: 'user', content: text }];
  }
  throw new Failure(`Line ${lineNo} holds no prompt: it wants "messages", or a text in one of ${TEXT_FIELDS.join(', ')}.`);
}
