import { withCompletion } from '../core/engine.js';
import { timeOf } from '../core/latency.js';
import { type TokenCounts } from '../core/ledger.js';
import { type Frame } from '../http/deliver.js';
import { GENERATION_FAILED } from './errors.js';
import { type OutputPart, type ResponsesRendering, finalStatus, logprobs, outputText, responseObject, textOf } from './responses-rendering.js';

/** The events of one streamed response (platform.openai.com/docs/api-reference/responses-streaming), numbered as they are made. */
export class ResponsesStream {
  private sequence = 0;
  /** Tokens generated up to now, reasoning included. */
  private completion = 0;
  private reasoning = 0;

  constructor(private readonly rendering: ResponsesRendering, private readonly parts: readonly OutputPart[]) {}

  *frames(): Generator<Frame> {
    const { rendering, parts } = this;
    const { answer, timeline } = rendering;
    const started = responseObject(rendering, { status: 'in_progress', output: [], usage: null });
    yield this.frame('response.created', { response: started }, 0);
    yield this.frame('response.in_progress', { response: started }, 0);
    let token = answer.reasoningTokens;
    for (const [index, part] of parts.entries()) {
      yield* this.part(part, index, () => timeOf(timeline, token += 1), () => timeOf(timeline, token));
    }
    const status = finalStatus(answer);
    const ended = responseObject(rendering, { status, output: parts.map(({ item }) => item), usage: rendering.usage });
    yield { ...this.frame(`response.${status}`, { response: ended }, timeOf(timeline, token)), closes: true };
  }

  /** What ends the stream when generation fails, in place of an event that has its number and was not sent. */
  failure(usage: TokenCounts): string {
    this.sequence -= 1;
    return this.event('response.failed', { response: responseObject(this.rendering, { status: 'failed', output: [], usage, failure: GENERATION_FAILED }) });
  }

  /** `tick` tells when the next token is there, `now` when the last one was. */
  private *part({ item, head, steps }: OutputPart, output_index: number, tick: () => number, now: () => number): Generator<Frame> {
    const at = { item_id: item.id, output_index };
    switch (item.type) {
      case 'reasoning':
        yield* this.reasoningItem(item, output_index);
        return;
      case 'function_call':
        this.completion += head;
        yield this.frame('response.output_item.added', { output_index, item: { ...item, arguments: '', status: 'in_progress' } }, tick());
        for (const step of steps) {
          this.completion += step.tokens;
          yield this.frame('response.function_call_arguments.delta', { ...at, delta: textOf([step]) }, tick());
        }
        yield this.frame('response.function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments }, now());
        break;
      case 'message': {
        const content_index = 0;
        yield this.frame('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', content: [] } }, tick());
        yield this.frame('response.content_part.added', { ...at, content_index, part: outputText(this.rendering, []) }, now());
        for (const [index, step] of steps.entries()) {
          this.completion += step.tokens;
          yield this.frame('response.output_text.delta', { ...at, content_index, delta: textOf([step]), logprobs: logprobs(this.rendering, [step]) }, index === 0 ? now() : tick());
        }
        const text = outputText(this.rendering, steps);
        yield this.frame('response.output_text.done', { ...at, content_index, text: text.text, logprobs: text.logprobs }, now());
        yield this.frame('response.content_part.done', { ...at, content_index, part: text }, now());
        break;
      }
    }
    yield this.frame('response.output_item.done', { output_index, item }, now());
  }

  /** Thinking goes on in secret; a summary, if there is one, is written as it goes. */
  private *reasoningItem(item: Extract<OutputPart['item'], { type: 'reasoning' }>, output_index: number): Generator<Frame> {
    const { answer, summary, timeline } = this.rendering;
    const at = { item_id: item.id, output_index, summary_index: 0 };
    yield this.frame('response.output_item.added', { output_index, item: { ...item, summary: [] } }, timeOf(timeline, 1));
    if (summary.length > 0) yield this.frame('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } }, timeOf(timeline, 1));
    for (const [index, delta] of summary.entries()) {
      this.thought(Math.floor((answer.reasoningTokens * (index + 1)) / summary.length));
      yield this.frame('response.reasoning_summary_text.delta', { ...at, delta }, timeOf(timeline, this.reasoning));
    }
    const text = summary.join('');
    this.thought(answer.reasoningTokens);
    const doneAt = timeOf(timeline, answer.reasoningTokens);
    if (summary.length > 0) {
      yield this.frame('response.reasoning_summary_text.done', { ...at, text }, doneAt);
      yield this.frame('response.reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text } }, doneAt);
    }
    yield this.frame('response.output_item.done', { output_index, item }, doneAt);
  }

  private thought(tokens: number): void {
    this.completion += tokens - this.reasoning;
    this.reasoning = tokens;
  }

  private frame(type: string, payload: object, dueMs: number): Frame {
    return { data: this.event(type, payload), dueMs, usage: withCompletion(this.rendering.promptUsage, this.completion, this.reasoning), closes: false };
  }

  private event(type: string, payload: object): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.sequence++, ...payload })}\n\n`;
  }
}
