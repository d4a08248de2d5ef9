import { hash } from 'node:crypto';
import { type MemberSpan, type TopLevel } from '../json/top-level.js';
import { entriesAt, membersAt } from '../json/walk.js';

/** A piece of a prompt behind which a provider's cache can end: `[start, end)` of the request's body. */
export interface PromptBlock {
  readonly start: number;
  readonly end: number;
  /** How a breakpoint can be put on it. `text`: a bare text, which is short for an array of one text block. Null: not at all. */
  readonly mark: 'member' | 'text' | null;
  /** What else tells it from others, besides its bytes: the role of the message that it begins. */
  readonly label: string;
}

/** A prompt in the order in which the provider reads it, which is the order in which it is cached. */
export interface PromptBlocks {
  readonly blocks: readonly PromptBlock[];
  /** So many of them are tools and system, before the first message. */
  readonly head: number;
  /** What else the prompt depends on: all of it, or the messages alone. */
  readonly settings: string;
  readonly messageSettings: string;
}

/** Members that are no part of the prompt, or that are read block by block. Any other one may be, and counts. */
const OUTSIDE = new Set(['model', 'max_tokens', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'stream', 'metadata', 'service_tier', 'tools', 'system', 'messages', 'cache_control']);
const ROLES = new Set(['"user"', '"assistant"']);
/** A change of these leaves the cache of tools and system as it is: https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const OF_MESSAGES = new Set(['tool_choice', 'thinking']);
/** Blocks that take a breakpoint. Thinking does not, and of what else there may be nothing is known. */
const MARKABLE = new Set(['"text"', '"image"', '"document"', '"search_result"', '"tool_use"', '"tool_result"']);
/** Within so many bytes of a text something must be said: one of nothing or of white space takes no breakpoint. */
const SAID_WITHIN = 64;
/** Longer prompts are left as they are: to look at each block is not free. */
const MAX_BLOCKS = 4_096;

/**
 * The blocks of a request of Anthropic's Messages API, from its bytes. Null where they are not surely what the provider
 * will take them for: then nothing is known of the prompt, and nothing may be put into it.
 */
export function messagesBlocks(body: Buffer, top: TopLevel): PromptBlocks | null {
  const blocks: PromptBlock[] = [];
  const tools = top.members.get('tools');
  const system = top.members.get('system');
  const messages = top.members.get('messages');
  if (messages === undefined) return null;
  if (tools !== undefined && !addTools(body, tools, blocks)) return null;
  if (system !== undefined && !addContent(body, system, 'system', blocks)) return null;
  const head = blocks.length;
  const turns = entriesAt(body, messages.valueStart);
  if (turns === null) return null;
  for (const turn of turns) {
    const members = membersAt(body, turn.valueStart);
    const role = members?.get('role');
    const content = members?.get('content');
    if (members?.size !== 2 || role === undefined || content === undefined) return null;
    const who = text(body, role);
    if (!ROLES.has(who) || !addContent(body, content, who, blocks) || blocks.length > MAX_BLOCKS) return null;
  }
  return { blocks, head, settings: settingsOf(body, top, (name) => !OUTSIDE.has(name) && !OF_MESSAGES.has(name)), messageSettings: settingsOf(body, top, (name) => OF_MESSAGES.has(name)) };
}

function addTools(body: Buffer, tools: MemberSpan, blocks: PromptBlock[]): boolean {
  const entries = entriesAt(body, tools.valueStart);
  if (entries === null) return false;
  for (const { valueStart: start, valueEnd: end } of entries) {
    const members = membersAt(body, start);
    if (members === null) return false;
    // A tool that is loaded later takes no breakpoint.
    blocks.push({ start, end, mark: members.has('name') && !members.has('defer_loading') ? 'member' : null, label: 'tool' });
  }
  return true;
}

function addContent(body: Buffer, content: MemberSpan, role: string, blocks: PromptBlock[]): boolean {
  const { valueStart: start, valueEnd: end } = content;
  if (body[start] === QUOTE) {
    blocks.push({ start, end, mark: says(body, content) ? 'text' : null, label: role });
    return true;
  }
  const entries = entriesAt(body, start);
  if (entries === null) return false;
  let label = role;
  for (const entry of entries) {
    const members = membersAt(body, entry.valueStart);
    const type = members?.get('type');
    if (members === null || type === undefined) return false;
    const inner = members.get('content');
    // What a tool's result is made of may hold breakpoints of the client's own: their names must be readable as well.
    if (inner !== undefined && !hasPlainNames(body, inner)) return false;
    const said = members.get('text');
    const full = said === undefined || says(body, said);
    blocks.push({ start: entry.valueStart, end: entry.valueEnd, mark: full && MARKABLE.has(text(body, type)) ? 'member' : null, label });
    label = '';
  }
  return true;
}

function hasPlainNames(body: Buffer, span: MemberSpan): boolean {
  const entries = entriesAt(body, span.valueStart);
  return entries === null ? body[span.valueStart] === QUOTE : entries.every(({ valueStart }) => membersAt(body, valueStart) !== null);
}

/** Whether a text surely holds more than white space. */
function says(body: Buffer, { valueStart, valueEnd }: MemberSpan): boolean {
  for (let at = valueStart + 1; at < Math.min(valueEnd - 1, valueStart + SAID_WITHIN); at++) {
    if (body[at] === BACKSLASH) at++;
    else if (body[at]! > 0x20 && body[at]! < 0x7f) return true;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const text = (body: Buffer, { valueStart, valueEnd }: MemberSpan): string => body.toString('latin1', valueStart, valueEnd);

function settingsOf(body: Buffer, top: TopLevel, counts: (name: string) => boolean): string {
  return [...top.members]
    .filter(([name]) => counts(name))
    .map(([name, span]) => `${name}:${text(body, span)}`)
    .sort()
    .join('\n');
}

/**
 * Names each prefix of a prompt that ends with a block, from the first to the whole: equal names, equal bytes.
 * @param scope who asks which model: prefixes of others are others
 */
export function prefixNames(body: Buffer, { blocks, head, settings, messageSettings }: PromptBlocks, scope: string): string[] {
  let name = digest(`${scope}\n${settings}`);
  return blocks.map(({ start, end, label }, index) => {
    if (index === head) name = digest(`${name}${messageSettings}`);
    return (name = nextName(`${name}${label}\n`, body, start, end));
  });
}

/** Names what stands behind a prefix. What is small is copied beside the prefix's name, which is cheaper than a hash of its own. */
function nextName(before: string, body: Buffer, start: number, end: number): string {
  if (end - start > SMALL) return digest(`${before}${digest(body.subarray(start, end))}`);
  const at = scratch.write(before, 'latin1');
  return digest(scratch.subarray(0, at + body.copy(scratch, at, start, end)));
}

const SMALL = 4_096;
/** Nothing in it outlives a call. */
const scratch = Buffer.allocUnsafeSlow(2 * SMALL);

/** 20 characters of Latin-1: these are kept by the hundred thousand. */
const digest = (value: string | Uint8Array): string => hash('sha256', value, 'binary').slice(0, 20);
