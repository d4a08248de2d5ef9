import { type AssistantPart, type DocumentPart, type ImagePart, type TextPart, type ToolResultPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { TOOL_FAILED } from '../openai-chat/tool-results.js';
import { encodeFile, encodeImage } from './media.js';
import { type Path, paramOf, type Problems } from './problems.js';
import { reasoningMembers } from './reasoning-items.js';
import { type Fields } from './wire.js';

type Content = TextPart | ImagePart | DocumentPart;

/** Writes turns as items. `hints` gathers what is left out and changes no answer. */
export class ItemsEncoder {
  constructor(
    private readonly problems: Problems,
    private readonly hints: string[],
  ) {}

  turn(turn: Turn, at: Path): Fields[] {
    if (turn.parts.length === 0) this.problems.inexpressible(at, 'a turn without content cannot be said');
    switch (turn.role) {
      case 'system':
        return this.system(turn.parts, [...at, 'parts']);
      case 'user':
        return this.user(turn.parts, [...at, 'parts']);
      case 'assistant':
        return this.assistant(turn.parts, [...at, 'parts']);
    }
  }

  /** OpenAI takes `system` and `developer` for the same; compatible servers know `system` alone. */
  system(parts: readonly TextPart[], at: Path): Fields[] {
    return parts.length === 0 ? [] : [{ type: 'message', role: 'system', content: this.contents(parts, at) }];
  }

  text(part: TextPart, at: Path): string {
    this.cacheHint(part, at);
    return part.text;
  }

  /** Results are items of their own: what is said before, between and after them are messages. */
  private user(parts: readonly UserPart[], at: Path): Fields[] {
    const items: Fields[] = [];
    let said: Fields[] = [];
    const close = (): void => {
      if (said.length > 0) items.push({ type: 'message', role: 'user', content: said });
      said = [];
    };
    parts.forEach((part, index) => {
      const here = [...at, index];
      if (part.type === 'tool_result') {
        close();
        items.push({ type: 'function_call_output', call_id: part.toolCallId, output: this.output(part, here) });
      } else said.push(this.content(part, here));
    });
    close();
    return items;
  }

  /** One text is said as a string. That a tool failed is told by a text of its own before what it said: there is no member for it. */
  private output(result: ToolResultPart, at: Path): unknown {
    this.cacheHint(result, at);
    const parts = [...(result.isError ? [inputText(TOOL_FAILED)] : []), ...this.contents(result.content, [...at, 'content'])];
    const [only] = parts;
    if (only === undefined) return '';
    return parts.length === 1 && only['type'] === 'input_text' ? only['text'] : parts;
  }

  private contents(parts: readonly Content[], at: Path): Fields[] {
    return parts.map((part, index) => this.content(part, [...at, index]));
  }

  private content(part: Content, at: Path): Fields {
    this.cacheHint(part, at);
    if (part.type === 'text') return inputText(part.text);
    return part.type === 'image' ? encodeImage(part) : encodeFile(part);
  }

  private assistant(parts: readonly AssistantPart[], at: Path): Fields[] {
    const items: Fields[] = [];
    let said: Fields[] = [];
    const close = (): void => {
      if (said.length > 0) items.push({ type: 'message', role: 'assistant', content: said });
      said = [];
    };
    parts.forEach((part, index) => {
      const here = [...at, index];
      if (part.type === 'text') said.push({ type: 'output_text', text: this.text(part, here), annotations: [] });
      else if (part.type === 'refusal') said.push({ type: 'refusal', refusal: part.text });
      else {
        close();
        items.push(...this.item(part, here));
      }
    });
    close();
    return items;
  }

  /**
   * Only what the provider has sealed itself can be told to it: it takes no one's word for what it thought. A signature over
   * a call is another provider's, and means nothing to this one.
   */
  private item(part: Exclude<AssistantPart, { type: 'text' | 'refusal' }>, at: Path): Fields[] {
    if (part.type === 'tool_call') {
      this.cacheHint(part, at);
      if (part.signature !== undefined) this.hints.push(paramOf([...at, 'signature']));
      return [{ type: 'function_call', call_id: part.id, name: part.name, arguments: part.arguments }];
    }
    if (part.type === 'thinking' && part.signature === null) {
      this.hints.push(paramOf(at));
      return [];
    }
    return [{ type: 'reasoning', ...reasoningMembers(part) }];
  }

  private cacheHint(part: { readonly cache?: unknown }, at: Path): void {
    if (part.cache !== undefined) this.hints.push(paramOf([...at, 'cache']));
  }
}

const inputText = (text: string): Fields => ({ type: 'input_text', text });
