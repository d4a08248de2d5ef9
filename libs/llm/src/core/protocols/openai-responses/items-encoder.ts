import { type Fields } from '@apex/common';
import { type AssistantPart, type DocumentPart, type ImagePart, type TextPart, type ToolResultPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';
import { signerOf } from '../../dialogue/signatures.js';
import { TOOL_FAILED } from '../openai/tool-results.js';
import { encodeFile, encodeImage } from './media.js';
import { reasoningMembers } from './reasoning-items.js';

type Content = TextPart | ImagePart | DocumentPart;

/** Writes turns as items. `hints` gathers what is left out and changes no answer. */
export class ItemsEncoder {
  constructor(
    private readonly problems: Problems,
    private readonly hints: string[],
  ) {}

  turn(turn: Turn, path: string): Fields[] {
    if (turn.parts.length === 0) this.problems.inexpressible(path, 'a turn without content cannot be said');
    switch (turn.role) {
      case 'system':
        return this.system(turn.parts, at(path, 'parts'));
      case 'user':
        return this.user(turn.parts, at(path, 'parts'));
      case 'assistant':
        return this.assistant(turn.parts, at(path, 'parts'));
    }
  }

  /** OpenAI takes `system` and `developer` for the same; compatible servers know `system` alone. */
  system(parts: readonly TextPart[], path: string): Fields[] {
    return parts.length === 0 ? [] : [{ type: 'message', role: 'system', content: this.contents(parts, path) }];
  }

  text(part: TextPart, path: string): string {
    this.cacheHint(part, path);
    return part.text;
  }

  /** Results are items of their own: what is said before, between and after them are messages. */
  private user(parts: readonly UserPart[], path: string): Fields[] {
    const items = new Items('user');
    parts.forEach((part, index) => {
      const here = at(path, index);
      if (part.type === 'tool_result') items.add([{ type: 'function_call_output', call_id: part.toolCallId, output: this.output(part, here) }]);
      else items.say(this.content(part, here));
    });
    return items.all();
  }

  /** One text is said as a string. That a tool failed is told by a text of its own before what it said: there is no member for it. */
  private output(result: ToolResultPart, path: string): unknown {
    this.cacheHint(result, path);
    const parts = [...(result.isError ? [inputText(TOOL_FAILED)] : []), ...this.contents(result.content, at(path, 'content'))];
    const [only] = parts;
    if (only === undefined) return '';
    return parts.length === 1 && only['type'] === 'input_text' ? only['text'] : parts;
  }

  private contents(parts: readonly Content[], path: string): Fields[] {
    return parts.map((part, index) => this.content(part, at(path, index)));
  }

  private content(part: Content, path: string): Fields {
    this.cacheHint(part, path);
    if (part.type === 'text') return inputText(part.text);
    return part.type === 'image' ? encodeImage(part) : encodeFile(part);
  }

  private assistant(parts: readonly AssistantPart[], path: string): Fields[] {
    const items = new Items('assistant');
    parts.forEach((part, index) => {
      const here = at(path, index);
      if (part.type === 'text') items.say({ type: 'output_text', text: this.text(part, here), annotations: [] });
      else if (part.type === 'refusal') items.say({ type: 'refusal', refusal: part.text });
      else items.add(this.item(part, here));
    });
    return items.all();
  }

  /**
   * Only what a provider of this protocol has sealed itself can be told to it: it takes no one's word for what it thought. A
   * signature over a call is another provider's, and means nothing to this one.
   */
  private item(part: Exclude<AssistantPart, { type: 'text' | 'refusal' }>, path: string): Fields[] {
    if (part.type === 'tool_call') {
      this.cacheHint(part, path);
      if (part.signature !== undefined) this.hints.push(at(path, 'signature'));
      return [{ type: 'function_call', call_id: part.id, name: part.name, arguments: part.arguments }];
    }
    if (signerOf(part) !== 'openai-responses') {
      this.hints.push(path);
      return [];
    }
    return [{ type: 'reasoning', ...reasoningMembers(part) }];
  }

  private cacheHint(part: { readonly cache?: unknown }, path: string): void {
    if (part.cache !== undefined) this.hints.push(at(path, 'cache'));
  }
}

/** The items of one turn: what is said in a row is one message. */
class Items {
  private readonly items: Fields[] = [];
  private said: Fields[] = [];

  constructor(private readonly role: 'user' | 'assistant') {}

  say(content: Fields): void {
    this.said.push(content);
  }

  /** Items of their own, behind what was said before them. */
  add(items: readonly Fields[]): void {
    if (items.length === 0) return;
    this.close();
    this.items.push(...items);
  }

  all(): Fields[] {
    this.close();
    return this.items;
  }

  private close(): void {
    if (this.said.length > 0) this.items.push({ type: 'message', role: this.role, content: this.said });
    this.said = [];
  }
}

const inputText = (text: string): Fields => ({ type: 'input_text', text });
