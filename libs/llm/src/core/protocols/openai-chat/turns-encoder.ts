import { type Fields } from '@apex/common';
import { type AssistantPart, type DocumentPart, type ImagePart, type TextPart, type ToolCallPart, type ToolResultPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { type Problems } from '../../dialogue/problems.js';
import { attachedTo, TOOL_FAILED } from '../openai/tool-results.js';
import { type ChatDialect } from './dialect.js';
import { encodeDocument, encodeImage } from './media.js';
import { type ReasoningPart, reasoningMembers } from './reasoning-details.js';

type Message = Fields;
type Content = TextPart | ImagePart | DocumentPart;

/** Writes turns as messages. `hints` gathers what is left out and changes no answer. */
export class TurnsEncoder {
  constructor(
    private readonly dialect: ChatDialect,
    private readonly problems: Problems,
    private readonly hints: string[],
  ) {}

  /** Both roles of instructions mean the same to OpenAI; compatible providers know `system` alone. */
  system(parts: readonly TextPart[], at: string): Message[] {
    return parts.length === 0 ? [] : [{ role: 'system', content: this.content(parts, at) }];
  }

  turn(turn: Turn, at: string): Message[] {
    switch (turn.role) {
      case 'system':
        return this.system(turn.parts, `${at}.parts`);
      case 'user':
        return this.user(turn.parts, at);
      case 'assistant':
        return [this.assistant(turn.parts, at)];
    }
  }

  /** Tool messages come first: they must follow the calls that they answer. */
  private user(parts: readonly UserPart[], at: string): Message[] {
    const tools: Message[] = [];
    const attached: object[] = [];
    const said: object[] = [];
    parts.forEach((part, index) => {
      const here = `${at}.parts[${index}]`;
      if (part.type === 'tool_result') {
        tools.push(this.toolMessage(part, here));
        attached.push(...this.attachments(part, here));
      } else said.push(...this.part(part, here));
    });
    const rest = [...attached, ...said];
    return rest.length === 0 && tools.length > 0 ? tools : [...tools, { role: 'user', content: simplest(rest) }];
  }

  private toolMessage(result: ToolResultPart, at: string): Message {
    this.cacheHint(result, at);
    const texts = result.content.flatMap((part, index) => (part.type === 'text' ? this.part(part, `${at}.content[${index}]`) : []));
    return { role: 'tool', tool_call_id: result.toolCallId, content: simplest(result.isError ? [{ type: 'text', text: TOOL_FAILED }, ...texts] : texts) };
  }

  private attachments(result: ToolResultPart, at: string): object[] {
    const media = result.content.flatMap((part, index) => (part.type === 'text' ? [] : this.part(part, `${at}.content[${index}]`)));
    return media.length === 0 ? [] : [{ type: 'text', text: attachedTo(result.toolCallId) }, ...media];
  }

  private content(parts: readonly Content[], at: string): unknown {
    return simplest(parts.flatMap((part, index) => this.part(part, `${at}[${index}]`)));
  }

  private part(part: Content, at: string): object[] {
    this.cacheHint(part, at);
    if (part.type === 'text') return [{ type: 'text', text: part.text }];
    if (part.type === 'image') return [encodeImage(part)];
    const document = encodeDocument(part);
    if (document === null) this.problems.inexpressible(at, 'chat completions take PDF documents that are in the request itself');
    return document === null ? [] : [document];
  }

  private assistant(parts: readonly AssistantPart[], at: string): Message {
    const reasoning: ReasoningPart[] = [];
    const said: object[] = [];
    const calls: object[] = [];
    parts.forEach((part, index) => {
      const here = `${at}.parts[${index}]`;
      if (part.type === 'thinking' || part.type === 'redacted_thinking') {
        if (this.dialect.reasoning === 'echo') reasoning.push(part);
        else this.hints.push(here);
      } else if (part.type === 'tool_call') calls.push(this.call(part, here));
      else if (part.type === 'refusal') said.push({ type: 'refusal', refusal: part.text });
      else said.push(...this.part(part, here));
    });
    const [only] = said as { type: string; refusal?: string }[];
    const spoken = said.length === 1 && only?.type === 'refusal' ? { content: null, refusal: only.refusal } : { content: said.length === 0 ? (calls.length > 0 ? null : '') : simplest(said) };
    return { role: 'assistant', ...spoken, ...reasoningMembers(reasoning), ...(calls.length === 0 ? {} : { tool_calls: calls }) };
  }

  /** `extra_content` is where Gemini's compatible endpoint has its signature: ai.google.dev/gemini-api/docs/thought-signatures. */
  private call(part: ToolCallPart, at: string): object {
    this.cacheHint(part, at);
    if (part.signature !== undefined && this.dialect.reasoning === 'omit') this.hints.push(`${at}.signature`);
    const extra = part.signature === undefined || this.dialect.reasoning === 'omit' ? {} : { extra_content: { google: { thought_signature: part.signature } } };
    return { id: part.id, type: 'function', function: { name: part.name, arguments: part.arguments }, ...extra };
  }

  private cacheHint(part: { readonly cache?: unknown }, at: string): void {
    if (part.cache !== undefined) this.hints.push(`${at}.cache`);
  }
}

/** One text is said as a string, which every compatible server understands. */
function simplest(parts: readonly object[]): unknown {
  if (parts.length === 0) return '';
  const [only] = parts as { type: string; text?: string }[];
  return parts.length === 1 && only?.type === 'text' ? only.text : parts;
}
