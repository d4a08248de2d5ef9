import { type Fields, fieldsOf, isFields } from '@apex/common';
import { type PartStart } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { type AssistantPart } from '../../dialogue/conversation.js';
import { callOf, partsOfItem, unasked } from './answer.js';
import { type OpenPart, type PartSequence } from './part-sequence.js';
import { BETWEEN_PARAGRAPHS } from './reasoning-items.js';

/** One item of a streamed answer. A message has a part for each of its contents; calls and reasoning are one part. */
export class ItemReader {
  /** The kinds of the parts that it has told. */
  readonly told: AssistantPart['type'][] = [];
  private readonly open = new Map<number, OpenPart>();
  private done = false;
  /** The paragraph of the reasoning that is being told, and how much of it came. */
  private paragraph = '';
  private paragraphLength = 0;

  private readonly type: unknown;

  /** @throws ProtocolViolation */
  constructor(
    private readonly parts: PartSequence,
    item: unknown,
  ) {
    if (!isFields(item)) throw new ProtocolViolation('An item of the stream is not an object.');
    this.type = item['type'];
    if (this.type === 'function_call') {
      const call = this.begin(0, { type: 'tool_call', ...callOf(item) });
      if (typeof item['arguments'] === 'string') this.rest(call, item['arguments']);
    } else if (this.type !== 'message' && this.type !== 'reasoning') throw unasked(this.type);
  }

  /** An event of this item. @throws ProtocolViolation */
  push(type: string, data: Fields): void {
    if (this.done) return;
    switch (type) {
      case 'response.content_part.added':
        if (this.type === 'message') this.content(data, partType(data));
        return;
      case 'response.content_part.done':
        if (this.type === 'message') this.contentDone(data);
        return;
      case 'response.output_text.delta':
        this.parts.delta(this.content(data, 'text'), { type: 'text', text: text(data, 'delta') });
        return;
      case 'response.refusal.delta':
        this.parts.delta(this.content(data, 'refusal'), { type: 'text', text: text(data, 'delta') });
        return;
      case 'response.output_text.done':
        this.rest(this.content(data, 'text'), text(data, 'text'));
        return;
      case 'response.refusal.done':
        this.rest(this.content(data, 'refusal'), text(data, 'refusal'));
        return;
      case 'response.function_call_arguments.delta':
        this.parts.delta(this.call(), { type: 'arguments', text: text(data, 'delta') });
        return;
      case 'response.function_call_arguments.done':
        this.rest(this.call(), text(data, 'arguments'));
        return;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        this.reasoning(type, data, text(data, 'delta'));
        return;
      case 'response.reasoning_summary_text.done':
      case 'response.reasoning_text.done':
        this.reasoning(type, data, null);
    }
  }

  /** The item as a whole: tells what no event has brought, and ends it. @throws ProtocolViolation */
  finish(item: unknown): void {
    if (this.done) return;
    if (!this.isOf(item)) throw new ProtocolViolation('An item of the stream ends as another than it began.');
    const parts = partsOfItem(item);
    if (this.type === 'reasoning') this.finishReasoning(parts[0]);
    else parts.forEach((part, at) => this.finishPart(at, part));
    this.end();
  }

  /** The answer is over, and this may be how the item reads in it. */
  close(item: unknown): void {
    if (this.isOf(item)) this.finish(item);
    else this.end();
  }

  private isOf(item: unknown): boolean {
    return isFields(item) && item['type'] === this.type;
  }

  get ended(): boolean {
    return this.done;
  }

  private end(): void {
    this.done = true;
    for (const open of this.open.values()) this.parts.end(open);
  }

  private finishPart(at: number, part: AssistantPart): void {
    if (part.type === 'text' || part.type === 'refusal') this.rest(this.contentAt(at, part.type), part.text);
    else if (part.type === 'tool_call') {
      // `{}` stands for arguments of which nothing came.
      const call = this.call();
      if (call.length > 0 || part.arguments !== '{}') this.rest(call, part.arguments);
    }
  }

  private finishReasoning(part: AssistantPart | undefined): void {
    const open = this.open.get(0);
    if (part?.type === 'redacted_thinking' && open === undefined) this.begin(0, { type: 'redacted_thinking', data: part.data });
    else if (part?.type === 'redacted_thinking' && open !== undefined) this.parts.delta(open, { type: 'signature', signature: part.data });
    else if (part?.type === 'thinking') {
      const thinking = open ?? this.begin(0, { type: 'thinking' });
      if (open === undefined) this.parts.delta(thinking, { type: 'text', text: part.text });
      if (part.signature !== null) this.parts.delta(thinking, { type: 'signature', signature: part.signature });
    }
  }

  private begin(at: number, start: PartStart): OpenPart {
    const open = this.parts.begin(start);
    this.open.set(at, open);
    this.told.push(start.type);
    return open;
  }

  /** What of a full text no delta has brought. */
  private rest(open: OpenPart, full: string): void {
    this.parts.delta(open, { type: open.type === 'tool_call' ? 'arguments' : 'text', text: full.slice(open.length) });
  }

  private content(data: Fields, type: 'text' | 'refusal'): OpenPart {
    if (this.type !== 'message') throw new ProtocolViolation('Content of a message belongs to an item that is none.');
    return this.contentAt(index(data), type);
  }

  private contentAt(at: number, type: 'text' | 'refusal'): OpenPart {
    const open = this.open.get(at) ?? this.begin(at, { type });
    if (open.type !== type) throw new ProtocolViolation('A content of the stream is of two kinds.');
    return open;
  }

  private contentDone(data: Fields): void {
    const open = this.content(data, partType(data));
    const part = fieldsOf(data['part']);
    const full = part[open.type === 'text' ? 'text' : 'refusal'];
    if (typeof full === 'string') this.rest(open, full);
    this.parts.end(open);
  }

  private call(): OpenPart {
    const open = this.open.get(0);
    if (open === undefined || this.type !== 'function_call') throw new ProtocolViolation('Arguments belong to an item that is no call.');
    return open;
  }

  /** A summary of several parts, and the reasoning's own text, are paragraphs of one thinking. `delta` null: the paragraph is done. */
  private reasoning(type: string, data: Fields, delta: string | null): void {
    if (this.type !== 'reasoning') throw new ProtocolViolation('Reasoning belongs to an item that is none.');
    const paragraph = `${type.startsWith('response.reasoning_summary') ? 'summary' : 'content'}:${String(data['summary_index'] ?? data['content_index'] ?? 0)}`;
    const sameParagraph = paragraph === this.paragraph;
    const said = delta ?? text(data, 'text').slice(sameParagraph ? this.paragraphLength : 0);
    if (said === '') return;
    const open = this.open.get(0) ?? this.begin(0, { type: 'thinking' });
    if (!sameParagraph) {
      if (open.length > 0) this.parts.delta(open, { type: 'text', text: BETWEEN_PARAGRAPHS });
      this.paragraph = paragraph;
      this.paragraphLength = 0;
    }
    this.paragraphLength += said.length;
    this.parts.delta(open, { type: 'text', text: said });
  }
}

function index(data: Fields): number {
  const value = data['content_index'];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new ProtocolViolation('An event of the stream does not say which content it belongs to.');
  return value;
}

function text(data: Fields, member: string): string {
  const value = data[member];
  if (typeof value !== 'string') throw new ProtocolViolation(`An event of the stream has no ${member}.`);
  return value;
}

function partType(data: Fields): 'text' | 'refusal' {
  const type = fieldsOf(data['part'])['type'];
  if (type === 'output_text') return 'text';
  if (type === 'refusal') return 'refusal';
  throw unasked(type);
}
