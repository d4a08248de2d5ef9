import { isFields } from '@apex/common';
import { type AssistantPart, type TextPart, type ToolResultPart, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { at, noWordsFor, type Problems } from '../../dialogue/problems.js';
import { openedId } from '../../dialogue/sealed-ids.js';
import { toolResult } from '../openai/tool-results.js';
import { decodeFile, decodeImage } from './media.js';
import { reasoningPart } from './reasoning-items.js';
import { assistantMessage, functionCall, functionCallOutput, reasoningItem, systemMessage, userMessage, type InputContent } from './wire.js';

type Content = ToolResultPart['content'][number];

const REFERENCE = 'nothing is stored that could be referred to: send the items themselves, and `store: false`';

/**
 * Reads `input`: a text, or items. Messages of the system or the developer before anything else are instructions; what the
 * assistant said, thought and called in a row is one turn, and so are the results of its calls.
 */
export class ItemsDecoder {
  readonly system: TextPart[] = [];
  readonly turns: Turn[] = [];
  /** The parts of the last turn, while it can grow: of the assistant's, or of results alone. */
  private said: AssistantPart[] | null = null;
  private results: UserPart[] | null = null;

  constructor(private readonly problems: Problems) {}

  read(input: unknown): void {
    if (typeof input === 'string') this.turn({ role: 'user', parts: [{ type: 'text', text: input }] });
    else if (!Array.isArray(input)) this.problems.invalid('input', 'must be a string or an array');
    else if (input.length === 0) this.problems.invalid('input', 'must not be empty');
    else input.forEach((item: unknown, index) => this.item(item, at('input', index)));
  }

  private item(item: unknown, path: string): void {
    if (!isFields(item)) {
      this.problems.invalid(path, 'must be an object');
      return;
    }
    switch (item['type'] ?? (item['role'] === undefined ? 'item_reference' : 'message')) {
      case 'message':
        this.message(item, path);
        return;
      case 'function_call': {
        const call = this.problems.read(functionCall, item, path);
        if (call !== null) this.assistant({ type: 'tool_call', ...openedId(call.call_id), name: call.name, arguments: call.arguments === '' ? '{}' : call.arguments });
        return;
      }
      case 'function_call_output':
        this.result(item, path);
        return;
      case 'reasoning':
        this.reasoning(item, path);
        return;
      case 'item_reference':
        this.problems.inexpressible(path, REFERENCE);
        return;
      default:
        if (typeof item['type'] === 'string') this.problems.inexpressible(at(path, 'type'), noWordsFor(item['type']));
        else this.problems.invalid(at(path, 'type'), 'must be a string');
    }
  }

  private message(item: object, path: string): void {
    const role = 'role' in item ? item.role : undefined;
    if (role === 'user') {
      const message = this.problems.read(userMessage, item, path);
      if (message !== null) this.turn({ role: 'user', parts: this.contents(message.content, at(path, 'content')) });
    } else if (role === 'system' || role === 'developer') {
      const message = this.problems.read(systemMessage, item, path);
      const parts = (message?.content ?? []).map(({ text }): TextPart => ({ type: 'text', text }));
      if (this.turns.length === 0) this.system.push(...parts);
      else this.turn({ role: 'system', parts });
    } else if (role === 'assistant') {
      const message = this.problems.read(assistantMessage, item, path);
      for (const part of message?.content ?? []) this.assistant(part.type === 'refusal' ? { type: 'refusal', text: part.refusal } : { type: 'text', text: part.text });
    } else this.problems.invalid(at(path, 'role'), 'must be user, assistant, system or developer');
  }

  private contents(parts: readonly InputContent[], path: string): Content[] {
    return parts.map((part, index) => {
      const here = at(path, index);
      if (part.type === 'input_text') return { type: 'text', text: part.text };
      return part.type === 'input_image' ? decodeImage(part, here, this.problems) : decodeFile(part, here, this.problems);
    });
  }

  private result(item: object, path: string): void {
    const output = this.problems.read(functionCallOutput, item, path);
    if (output === null) return;
    const result = toolResult(output.call_id, this.contents(output.output, at(path, 'output')));
    if (this.results !== null) this.results.push(result);
    else {
      const parts = [result];
      this.turn({ role: 'user', parts });
      this.results = parts;
    }
  }

  private reasoning(item: object, path: string): void {
    const read = this.problems.read(reasoningItem, item, path);
    if (read === null) return;
    const part = reasoningPart(read);
    if (part === null) this.problems.inexpressible(path, `holds no reasoning; ${REFERENCE}, with \`include: ["reasoning.encrypted_content"]\``);
    else this.assistant(part);
  }

  private assistant(part: AssistantPart): void {
    if (this.said !== null) this.said.push(part);
    else {
      const parts = [part];
      this.turn({ role: 'assistant', parts });
      this.said = parts;
    }
  }

  private turn(turn: Turn): void {
    this.turns.push(turn);
    this.said = null;
    this.results = null;
  }
}
