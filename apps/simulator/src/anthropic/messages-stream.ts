import { withCompletion } from '../core/engine.js';
import { type Step } from '../core/generation.js';
import { timeOf } from '../core/latency.js';
import { type TokenCounts } from '../core/ledger.js';
import { type Frame } from '../http/deliver.js';
import { type ContentPart, type Rendering, type ThinkingShown, contentOf, deltaUsageOf, message, stopDetails, textOf, toolUse, usageOf } from './messages-rendering.js';

const event = (type: string, payload: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...payload })}\n\n`;

/** The events of one streamed message (platform.claude.com/docs/en/build-with-claude/streaming). */
export class MessageStream {
  private completion = 0;
  private reasoning = 0;
  private steps = 0;
  private pinged = false;

  constructor(private readonly rendering: Rendering) {}

  *frames(): Generator<Frame> {
    const { rendering } = this;
    const { answer, thinking, usage, stop } = rendering;
    yield this.frame('message_start', { message: message(rendering, [], { reason: null, sequence: null }, usageOf(this.bill())) });
    const parts = contentOf(answer);
    let index = 0;
    if (thinking) {
      for (const frame of this.thinking(thinking, index)) yield* this.withPing(frame, index);
      index += 1;
    }
    for (const part of parts) {
      for (const frame of this.part(part, index)) yield* this.withPing(frame, index);
      index += 1;
    }
    // A stop sequence is billed and not sent.
    this.completion = usage.completionTokens;
    this.reasoning = usage.reasoningTokens;
    yield { ...this.frame('message_delta', { delta: { stop_reason: stop, stop_sequence: answer.stopSequence, stop_details: stopDetails(stop), container: null }, usage: deltaUsageOf(usage) }), closes: true };
    yield { ...this.frame('message_stop', {}), closes: true };
  }

  /** A ping comes after the first block has begun. */
  private *withPing(frame: Frame, index: number): Generator<Frame> {
    yield frame;
    if (this.pinged || index > 0) return;
    this.pinged = true;
    yield this.frame('ping', {});
  }

  private *thinking({ pieces, signature, redacted }: ThinkingShown, index: number): Generator<Frame> {
    const { answer } = this.rendering;
    if (redacted !== null) {
      this.think(answer.reasoningTokens);
      yield this.frame('content_block_start', { index, content_block: { type: 'redacted_thinking', data: redacted } });
    } else {
      yield this.frame('content_block_start', { index, content_block: { type: 'thinking', thinking: '', signature: '' } });
      for (const [at, thinking] of pieces.entries()) {
        this.think(Math.ceil((answer.reasoningTokens * (at + 1)) / pieces.length));
        yield this.frame('content_block_delta', { index, delta: { type: 'thinking_delta', thinking } });
      }
      this.think(answer.reasoningTokens);
      yield this.frame('content_block_delta', { index, delta: { type: 'signature_delta', signature } });
    }
    yield this.frame('content_block_stop', { index });
  }

  private *part(part: ContentPart, index: number): Generator<Frame> {
    if (part.kind === 'text') {
      yield this.frame('content_block_start', { index, content_block: { type: 'text', text: '' } });
    } else {
      this.write(part.head);
      yield this.frame('content_block_start', { index, content_block: toolUse(part, {}) });
      yield this.frame('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json: '' } });
    }
    for (const step of part.steps) {
      this.write(step.tokens);
      yield this.frame('content_block_delta', { index, delta: deltaOf(step) });
    }
    yield this.frame('content_block_stop', { index });
  }

  private think(tokens: number): void {
    this.completion = tokens;
    this.reasoning = tokens;
  }

  private write(tokens: number): void {
    this.completion += tokens;
    this.steps += 1;
  }

  /** A message starts with its first token: it is in the usage of its start, and in all later ones again. */
  private bill(): TokenCounts {
    return withCompletion(this.rendering.promptUsage, Math.max(this.completion, Math.min(1, this.rendering.usage.completionTokens)), this.reasoning);
  }

  private frame(type: string, payload: object): Frame {
    return { data: event(type, payload), dueMs: timeOf(this.rendering.timeline, Math.max(1, this.reasoning + this.steps)), usage: this.bill(), closes: false };
  }
}

const deltaOf = (step: Step): object => (step.kind === 'arguments' ? { type: 'input_json_delta', partial_json: step.text } : { type: 'text_delta', text: textOf([step]) });
