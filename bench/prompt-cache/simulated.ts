import { FakeClock } from '@apex/common';
import { type UpstreamControl, type UpstreamEvents, type UpstreamRequest } from '@apex/llm';
import { promptOf as claudePrompt } from '../../apps/simulator/src/anthropic/messages-prompt.js';
import { messagesSchema } from '../../apps/simulator/src/anthropic/messages.schema.js';
import { findClaude } from '../../apps/simulator/src/anthropic/models.js';
import { turnsOf } from '../../apps/simulator/src/anthropic/turns.js';
import { BreakpointCache } from '../../apps/simulator/src/core/breakpoint-cache.js';
import { PrefixCache } from '../../apps/simulator/src/core/prefix-cache.js';
import { type Prompt } from '../../apps/simulator/src/core/prompt.js';
import { type Tokenizer } from '../../apps/simulator/src/core/tokenizer.js';
import { chatModel, promptOf as chatPrompt } from '../../apps/simulator/src/openai/chat-request.js';
import { chatSchema } from '../../apps/simulator/src/openai/chat.schema.js';

/** A prompt that the provider read, when, and where its blocks end. */
export interface Read {
  readonly atMs: number;
  readonly prompt: Prompt;
  readonly ends: readonly number[];
}

const OUTPUT_TOKENS = 100;

/** The simulated provider's prompt caches behind the gateway's client: no network, a clock of the test. */
export class SimulatedUpstream {
  readonly clock: FakeClock;
  readonly reads: Read[] = [];
  readonly bodies: Buffer[] = [];
  private readonly breakpoints: BreakpointCache;
  private readonly prefixes: PrefixCache;

  constructor(
    private readonly tokenizer: Tokenizer,
    startMs: number,
  ) {
    this.clock = new FakeClock(startMs);
    this.breakpoints = new BreakpointCache(this.clock);
    this.prefixes = new PrefixCache(this.clock);
  }

  readonly call = (request: UpstreamRequest, events: UpstreamEvents): UpstreamControl => {
    const body = request.body as Buffer;
    this.bodies.push(body);
    const answer = request.path.endsWith('/messages') ? this.claude(body) : this.gpt(body);
    queueMicrotask(() => {
      events.onHead(200, { 'content-type': 'application/json' });
      events.onData(Buffer.from(JSON.stringify(answer)));
      events.onEnd();
    });
    return { abort: () => undefined, pause: () => undefined, resume: () => undefined };
  };

  private claude(bytes: Buffer): object {
    const body = messagesSchema.parse(JSON.parse(bytes.toString()));
    const model = findClaude(body.model)!;
    const { prompt, blockEnds, breakpoints } = claudePrompt(body, turnsOf(body), model, this.tokenizer);
    this.reads.push({ atMs: this.clock.now(), prompt, ends: blockEnds });
    const { read, written5m, written1h } = this.breakpoints.use(model.id, prompt, blockEnds, breakpoints, model.cacheMinimum);
    const written = written5m + written1h;
    return { type: 'message', content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn', usage: { input_tokens: prompt.tokens - read - written, cache_read_input_tokens: read, cache_creation_input_tokens: written, output_tokens: OUTPUT_TOKENS } };
  }

  private gpt(bytes: Buffer): object {
    const body = chatSchema.parse(JSON.parse(bytes.toString()));
    const model = chatModel(body.model);
    const prompt = chatPrompt(body, model, this.tokenizer);
    this.reads.push({ atMs: this.clock.now(), prompt, ends: Array.from({ length: Math.floor(prompt.tokens / 128) }, (_, index) => 128 * (index + 1)) });
    const cached = this.prefixes.use(model.id, prompt);
    return { choices: [{ index: 0, message: { role: 'assistant', content: 'Done.' }, finish_reason: 'stop' }], usage: { prompt_tokens: prompt.tokens, completion_tokens: OUTPUT_TOKENS, total_tokens: prompt.tokens + OUTPUT_TOKENS, prompt_tokens_details: { cached_tokens: cached } } };
  }
}
