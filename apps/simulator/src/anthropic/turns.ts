import { isSealOf } from '../core/seal.js';
import { type AnthropicError, badRequest } from './errors.js';
import { type Block, type MessagesBody } from './messages.schema.js';

/** A block and the place it has in the request: `messages.2.content.0`. */
export interface PlacedBlock {
  readonly block: Block;
  readonly message: number;
  readonly path: string;
}

/** Consecutive messages of one role: the API reads them as one. */
export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly blocks: PlacedBlock[];
}

/** What redacted thinking is sealed as: its text is not there to be compared. */
export const REDACTED = 'redacted_thinking';

/** The conversation in turns. @throws AnthropicError for what the API does not let follow each other */
export function turnsOf(body: MessagesBody): Turn[] {
  const { messages } = body;
  if (messages.length === 0) throw badRequest('messages: at least one message is required');
  const turns: Turn[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    if (role === 'system') throw badRequest(`messages: Unexpected role "system". The Messages API accepts a top-level \`system\` parameter, not "system" as an input message role.`);
    const last = index === messages.length - 1 && role === 'assistant';
    if (content.length === 0 && !last) throw badRequest(`messages.${index}: all messages must have non-empty content except for the optional final assistant message`);
    const blocks = (typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content).map((block, at) => ({ block, message: index, path: `messages.${index}.content.${at}` }));
    for (const placed of blocks) if (content.length > 0) checkBlock(placed, role);
    if (turns.at(-1)?.role === role) turns.at(-1)?.blocks.push(...blocks);
    else turns.push({ role, blocks });
  }
  if (turns[0]?.role !== 'user') throw badRequest('messages: first message must use the "user" role');
  checkEnd(turns.at(-1) as Turn);
  checkTools(turns);
  return turns;
}

function checkBlock({ block, message, path }: PlacedBlock, role: Turn['role']): void {
  switch (block.type) {
    case 'text':
      if (block.text === '') throw badRequest('messages: text content blocks must be non-empty');
      if (block.text.trim() === '') throw badRequest('messages: text content blocks must contain non-whitespace text');
      return;
    case 'thinking':
    case 'redacted_thinking':
      if (role !== 'assistant') throw badRequest(`messages.${message}: \`${block.type}\` blocks may only be in \`assistant\` messages`);
      if (block.type === 'thinking' && !isSealOf(block.signature, block.thinking)) throw badRequest(`${path}: Invalid \`signature\` in \`thinking\` block`);
      if (block.type === 'redacted_thinking' && !isSealOf(block.data, REDACTED)) throw badRequest(`${path}: Invalid \`data\` in \`redacted_thinking\` block`);
      return;
    case 'tool_use':
      if (role !== 'assistant') throw badRequest(`messages.${message}: \`tool_use\` blocks can only be in \`assistant\` messages`);
      return;
    case 'tool_result':
    case 'image':
    case 'search_result':
      if (role !== 'user') throw badRequest(`messages.${message}: \`${block.type}\` blocks can only be in \`user\` messages`);
      return;
    // Whether an assistant may have one depends on the API's version.
    case 'document': return;
  }
}

function checkEnd(turn: Turn): void {
  const end = turn.blocks.at(-1)?.block;
  if (turn.role === 'assistant' && end?.type === 'text' && end.text !== end.text.trimEnd()) throw badRequest('messages: final assistant content cannot end with trailing whitespace');
}

/** Each use of a tool has its one result at the head of the next turn, and each result its use in the turn before. */
function checkTools(turns: readonly Turn[]): void {
  const known = new Set<string>();
  for (const [index, turn] of turns.entries()) {
    const uses = new Set<string>();
    for (const { block, path } of turn.blocks) {
      if (block.type !== 'tool_use') continue;
      if (known.has(block.id)) throw badRequest(`${path}: \`tool_use\` ids must be unique`);
      known.add(block.id);
      uses.add(block.id);
    }
    const before = index === 0 ? [] : (turns[index - 1] as Turn).blocks;
    checkResults(turn, new Set(before.flatMap(({ block }) => (block.type === 'tool_use' ? [block.id] : []))), before.at(-1)?.message ?? 0);
    if (uses.size > 0 && index === turns.length - 1) throw unanswered([...uses], turn.blocks.at(-1)?.message ?? 0);
  }
}

function checkResults(turn: Turn, open: Set<string>, usedIn: number): void {
  const answered = new Set<string>();
  let head = true;
  for (const { block, path } of turn.blocks) {
    if (block.type !== 'tool_result') {
      head = false;
      continue;
    }
    const id = block.tool_use_id;
    if (answered.has(id)) throw badRequest(`${path}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`);
    if (!open.has(id)) throw badRequest(`${path}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`);
    // A result behind anything else is not where the API looks for it.
    if (head) answered.add(id);
  }
  const missing = [...open].filter((id) => !answered.has(id));
  if (missing.length > 0) throw unanswered(missing, usedIn);
}

const unanswered = (ids: readonly string[], message: number): AnthropicError => badRequest(`messages.${message}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`);
