import { type Fields } from '@apex/common';
import { type AssistantPart, type BinarySource, type CacheBreakpoint, type Conversation, type DocumentPart, type ImagePart, type RedactedThinkingPart, type TextPart, type ThinkingPart, type ToolResultPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';
import { signerOf } from '../../dialogue/signatures.js';
import { type ModelTraits } from './models.js';
import { parseArguments, safeId } from './tool-calls.js';

type Block = Fields;
type Content = TextPart | ImagePart | DocumentPart;

interface EncodedMessage {
  readonly role: Turn['role'];
  readonly content: readonly Block[];
  /** The first of the turns that it is made of. */
  readonly path: string;
}

/** `system` and `messages` of a request. */
export interface EncodedTurns {
  readonly system: readonly Block[];
  readonly messages: readonly Fields[];
}

/**
 * Writes `system` and `messages`. System turns that lead join `system`; turns of one role that follow each other are joined; in
 * a user's message the results of tools come first, as the API demands (agents-and-tools/tool-use/handle-tool-calls). System
 * turns in the middle must come between the user and the assistant, or last (build-with-claude/mid-conversation-system-messages).
 * `hints` gathers what is left out and changes no answer.
 *
 * Thinking that no provider of this protocol signed is left out, for it would be refused; a turn that was nothing else goes with
 * it. Earlier turns may do without theirs (build-with-claude/extended-thinking); for one that waits for its tools see `mayThinkByBudget`.
 */
export class TurnsEncoder {
  constructor(
    private readonly traits: ModelTraits,
    private readonly problems: Problems,
    private readonly hints: string[],
  ) {}

  encode({ system, turns }: Conversation): EncodedTurns {
    const spoken = turns.findIndex((turn) => turn.role !== 'system');
    const first = spoken === -1 ? turns.length : spoken;
    const leading = turns.slice(0, first).flatMap((turn) => (turn.role === 'system' ? turn.parts : []));
    const messages: EncodedMessage[] = [];
    turns.forEach((turn, index) => {
      if (index < first) return;
      const path = at('turns', index);
      const hints = this.hints.length;
      const content = this.parts(turn, path);
      // Nothing but thinking that was left out.
      if (content.length === 0 && turn.parts.length > 0 && this.hints.length - hints === turn.parts.length) return;
      if (content.length === 0) this.problems.inexpressible(path, 'a turn without content cannot be said');
      const before = messages.at(-1);
      if (before?.role === turn.role) messages[messages.length - 1] = { ...before, content: [...before.content, ...content] };
      else messages.push({ role: turn.role, content, path });
    });
    if (messages.length === 0) this.problems.inexpressible('turns', 'a conversation without turns cannot be said');
    this.checkPlaces(messages);
    return {
      system: [...system, ...leading].flatMap(encodeText),
      messages: messages.map(({ role, content }) => ({ role, content: role === 'user' ? resultsFirst(content) : content })),
    };
  }

  private checkPlaces(messages: readonly EncodedMessage[]): void {
    const { traits, problems } = this;
    messages.forEach(({ role, path }, index) => {
      const next = messages[index + 1];
      if (role === 'system' && !traits.systemTurns) problems.inexpressible(path, 'this model takes instructions before the conversation only');
      else if (role === 'system' && (messages[index - 1]?.role !== 'user' || (next !== undefined && next.role !== 'assistant'))) problems.inexpressible(path, "instructions in the middle must follow the user's turn and precede the assistant's");
      if (role === 'assistant' && next === undefined && !traits.prefill) problems.inexpressible(path, "this model does not go on from a turn of the assistant's");
    });
  }

  private parts(turn: Turn, path: string): Block[] {
    const name = (index: number): string => at(path, 'parts', index);
    switch (turn.role) {
      case 'system':
        return turn.parts.flatMap(encodeText);
      case 'user':
        return turn.parts.flatMap((part: UserPart, index) => (part.type === 'tool_result' ? [this.result(part, name(index))] : this.content(part, name(index))));
      case 'assistant':
        return turn.parts.flatMap((part, index) => this.assistantPart(part, name(index)));
    }
  }

  private content(part: Content, path: string): Block[] {
    if (part.type === 'text') return encodeText(part);
    return [part.type === 'image' ? this.image(part, path) : this.document(part, path)];
  }

  /** Images are always seen in as much detail as the model can: `high` asks for no more than that. */
  private image(part: ImagePart, path: string): Block {
    if (part.detail === 'low') this.problems.inexpressible(at(path, 'detail'), 'images are never seen in low detail');
    return { type: 'image', source: this.binary(part.source, IMAGE_TYPES, path), ...cacheControl(part.cache) };
  }

  private document(part: DocumentPart, path: string): Block {
    const source = part.source.kind === 'text' ? { type: 'text', media_type: 'text/plain', data: part.source.text } : this.binary(part.source, ['application/pdf'], path);
    return { type: 'document', source, ...(part.name === null ? {} : { title: part.name }), ...cacheControl(part.cache) };
  }

  private binary(source: BinarySource, types: readonly string[], path: string): Block {
    if (source.kind === 'url') {
      if (!/^https?:\/\//i.test(source.url)) this.problems.inexpressible(at(path, 'source', 'url'), 'only http and https addresses are fetched');
      return { type: 'url', url: source.url };
    }
    if (!types.includes(source.mediaType)) this.problems.inexpressible(at(path, 'source', 'mediaType'), `must be one of ${types.join(', ')}`);
    return { type: 'base64', media_type: source.mediaType, data: source.data };
  }

  private result(part: ToolResultPart, path: string): Block {
    const content = part.content.flatMap((one, index) => this.content(one, at(path, 'content', index)));
    return { type: 'tool_result', tool_use_id: safeId(part.toolCallId), ...(content.length === 0 ? {} : { content }), ...(part.isError ? { is_error: true } : {}), ...cacheControl(part.cache) };
  }

  /**
   * A refusal in the history stands there as the text that it is. A call's signature is another provider's, means nothing
   * to this one, and is left out: the client keeps it.
   */
  private assistantPart(part: AssistantPart, path: string): Block[] {
    switch (part.type) {
      case 'text':
        return encodeText(part);
      case 'refusal':
        return encodeText({ type: 'text', text: part.text });
      case 'thinking':
      case 'redacted_thinking':
        return this.thinking(part, path);
      case 'tool_call': {
        const input = parseArguments(part.arguments);
        if (input === null) this.problems.inexpressible(at(path, 'arguments'), 'must be the JSON of an object');
        if (part.signature !== undefined) this.hints.push(at(path, 'signature'));
        return [{ type: 'tool_use', id: safeId(part.id), name: part.name, input, ...cacheControl(part.cache) }];
      }
    }
  }

  private thinking(part: ThinkingPart | RedactedThinkingPart, path: string): Block[] {
    if (signerOf(part) !== 'anthropic-messages') {
      this.hints.push(path);
      return [];
    }
    return [part.type === 'thinking' ? { type: 'thinking', thinking: part.text, signature: part.signature?.value } : { type: 'redacted_thinking', data: part.data.value }];
  }
}

const resultsFirst = (content: readonly Block[]): readonly Block[] => [...content.filter((block) => block['type'] === 'tool_result'), ...content.filter((block) => block['type'] !== 'tool_result')];

export const cacheControl = (cache: CacheBreakpoint | undefined): Block => (cache === undefined ? {} : { cache_control: { type: 'ephemeral', ...(cache.ttl === null ? {} : { ttl: cache.ttl }) } });

/** The API refuses empty text; it says nothing, and is left out. */
const encodeText = (part: TextPart): Block[] => (part.text === '' ? [] : [{ type: 'text', text: part.text, ...cacheControl(part.cache) }]);

const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
