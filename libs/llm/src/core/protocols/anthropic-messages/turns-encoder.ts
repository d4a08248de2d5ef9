import { type AssistantPart, type BinarySource, type CacheBreakpoint, type Conversation, type DocumentPart, type ImagePart, type Problem, type TextPart, type ToolResultPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { type ModelTraits } from './models.js';
import { parseArguments, safeId } from './tool-calls.js';

type Block = Readonly<Record<string, unknown>>;
type Content = TextPart | ImagePart | DocumentPart;

interface EncodedMessage {
  readonly role: Turn['role'];
  readonly content: readonly Block[];
  /** The first of the turns that it is made of. */
  readonly at: number;
}

/** `system` and `messages` of a request. */
export interface EncodedTurns {
  readonly system: readonly Block[];
  readonly messages: readonly Readonly<Record<string, unknown>>[];
}

/**
 * System turns that lead join `system`; turns of one role that follow each other are joined; in a user's message the
 * results of tools come first, as the API demands (agents-and-tools/tool-use/handle-tool-calls). System turns in the middle
 * must come between the user and the assistant, or last (build-with-claude/mid-conversation-system-messages).
 */
export function encodeTurns(conversation: Conversation, traits: ModelTraits, problems: Problem[]): EncodedTurns {
  const { turns } = conversation;
  const spoken = turns.findIndex((turn) => turn.role !== 'system');
  const first = spoken === -1 ? turns.length : spoken;
  const leading = turns.slice(0, first).flatMap((turn) => (turn.role === 'system' ? turn.parts : []));
  const messages: EncodedMessage[] = [];
  turns.forEach((turn, index) => {
    if (index < first) return;
    const content = encodeParts(turn, `turns[${index}]`, problems);
    if (content.length === 0) problems.push(inexpressible(`turns[${index}]`, 'a turn without content cannot be said'));
    const before = messages.at(-1);
    if (before?.role === turn.role) messages[messages.length - 1] = { ...before, content: [...before.content, ...content] };
    else messages.push({ role: turn.role, content, at: index });
  });
  if (messages.length === 0) problems.push(inexpressible('turns', 'a conversation without turns cannot be said'));
  checkPlaces(messages, traits, problems);
  return {
    system: [...conversation.system, ...leading].flatMap(encodeText),
    messages: messages.map(({ role, content }) => ({ role, content: role === 'user' ? resultsFirst(content) : content })),
  };
}

function checkPlaces(messages: readonly EncodedMessage[], traits: ModelTraits, problems: Problem[]): void {
  messages.forEach(({ role, at }, index) => {
    const next = messages[index + 1];
    if (role === 'system' && !traits.systemTurns) problems.push(inexpressible(`turns[${at}]`, 'this model takes instructions before the conversation only'));
    else if (role === 'system' && (messages[index - 1]?.role !== 'user' || (next !== undefined && next.role !== 'assistant'))) problems.push(inexpressible(`turns[${at}]`, "instructions in the middle must follow the user's turn and precede the assistant's"));
    if (role === 'assistant' && next === undefined && !traits.prefill) problems.push(inexpressible(`turns[${at}]`, "this model does not go on from a turn of the assistant's"));
  });
}

const resultsFirst = (content: readonly Block[]): readonly Block[] => [...content.filter((block) => block['type'] === 'tool_result'), ...content.filter((block) => block['type'] !== 'tool_result')];

export const inexpressible = (param: string, why: string): Problem => ({ kind: 'inexpressible', param, why });

export const cacheControl = (cache: CacheBreakpoint | undefined): Block => (cache === undefined ? {} : { cache_control: { type: 'ephemeral', ...(cache.ttl === null ? {} : { ttl: cache.ttl }) } });

function encodeParts(turn: Turn, at: string, problems: Problem[]): Block[] {
  const name = (index: number): string => `${at}.parts[${index}]`;
  switch (turn.role) {
    case 'system':
      return turn.parts.flatMap(encodeText);
    case 'user':
      return turn.parts.flatMap((part: UserPart, index) => (part.type === 'tool_result' ? [encodeResult(part, name(index), problems)] : encodeContent(part, name(index), problems)));
    case 'assistant':
      return turn.parts.flatMap((part, index) => encodeAssistantPart(part, name(index), problems));
  }
}

/** The API refuses empty text; it says nothing, and is left out. */
const encodeText = (part: TextPart): Block[] => (part.text === '' ? [] : [{ type: 'text', text: part.text, ...cacheControl(part.cache) }]);

function encodeContent(part: Content, at: string, problems: Problem[]): Block[] {
  if (part.type === 'text') return encodeText(part);
  return [part.type === 'image' ? encodeImage(part, at, problems) : encodeDocument(part, at, problems)];
}

const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

/** Images are always seen in as much detail as the model can: `high` asks for no more than that. */
function encodeImage(part: ImagePart, at: string, problems: Problem[]): Block {
  if (part.detail === 'low') problems.push(inexpressible(`${at}.detail`, 'images are never seen in low detail'));
  return { type: 'image', source: encodeBinary(part.source, IMAGE_TYPES, at, problems), ...cacheControl(part.cache) };
}

function encodeDocument(part: DocumentPart, at: string, problems: Problem[]): Block {
  const source = part.source.kind === 'text' ? { type: 'text', media_type: 'text/plain', data: part.source.text } : encodeBinary(part.source, ['application/pdf'], at, problems);
  return { type: 'document', source, ...(part.name === null ? {} : { title: part.name }), ...cacheControl(part.cache) };
}

function encodeBinary(source: BinarySource, types: readonly string[], at: string, problems: Problem[]): Block {
  if (source.kind === 'url') {
    if (!/^https?:\/\//i.test(source.url)) problems.push(inexpressible(`${at}.source.url`, 'only http and https addresses are fetched'));
    return { type: 'url', url: source.url };
  }
  if (!types.includes(source.mediaType)) problems.push(inexpressible(`${at}.source.mediaType`, `must be one of ${types.join(', ')}`));
  return { type: 'base64', media_type: source.mediaType, data: source.data };
}

function encodeResult(part: ToolResultPart, at: string, problems: Problem[]): Block {
  const content = part.content.flatMap((one, index) => encodeContent(one, `${at}.content[${index}]`, problems));
  return { type: 'tool_result', tool_use_id: safeId(part.toolCallId), ...(content.length === 0 ? {} : { content }), ...(part.isError ? { is_error: true } : {}), ...cacheControl(part.cache) };
}

/**
 * A refusal in the history stands there as the text that it is. A call's signature is another provider's, means nothing
 * to this one, and is left out: the client keeps it.
 */
function encodeAssistantPart(part: AssistantPart, at: string, problems: Problem[]): Block[] {
  switch (part.type) {
    case 'text':
      return encodeText(part);
    case 'refusal':
      return encodeText({ type: 'text', text: part.text });
    case 'thinking':
      if (part.signature === null) problems.push(inexpressible(`${at}.signature`, 'thinking without its signature is not taken back'));
      return [{ type: 'thinking', thinking: part.text, signature: part.signature ?? '' }];
    case 'redacted_thinking':
      return [{ type: 'redacted_thinking', data: part.data }];
    case 'tool_call': {
      const input = parseArguments(part.arguments);
      if (input === null) problems.push(inexpressible(`${at}.arguments`, 'must be the JSON of an object'));
      return [{ type: 'tool_use', id: safeId(part.id), name: part.name, input, ...cacheControl(part.cache) }];
    }
  }
}
