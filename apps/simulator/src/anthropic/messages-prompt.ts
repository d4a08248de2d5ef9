import { type Breakpoint, type CacheTtl } from '../core/breakpoint-cache.js';
import { Prompt, obviouslyTooLong } from '../core/prompt.js';
import { seedOf } from '../core/random.js';
import { type Tokenizer } from '../core/tokenizer.js';
import { badRequest } from './errors.js';
import { type Block, type MediaBlock, type MessagesBody } from './messages.schema.js';
import { type ClaudeModel } from './models.js';
import { type Turn } from './turns.js';

/** A prompt and where it may be kept: the ends of its blocks, and the breakpoints among them. */
export interface CacheablePrompt {
  readonly prompt: Prompt;
  readonly blockEnds: readonly number[];
  readonly breakpoints: readonly Breakpoint[];
}

const MOST_BREAKPOINTS = 4;
/** Tokens of the instructions that Anthropic adds when there are tools: left to choose, and made to use one. */
const TOOL_PROMPT = { free: 346, forced: 313 };
/** Tokens of a page of a PDF: its text and its picture. A document's pages are not counted: it has one. */
const PDF_PAGE = 2_000;

type CacheControl = { readonly ttl?: CacheTtl | undefined } | null | undefined;

/** @throws AnthropicError for a prompt that does not fit, and breakpoints that are too many or in a wrong order */
export function promptOf(body: MessagesBody, turns: readonly Turn[], model: ClaudeModel, tokenizer: Tokenizer): CacheablePrompt {
  const tooLong = (tokens: string): Error => badRequest(`prompt is too long: ${tokens} tokens > ${model.contextWindow} maximum`);
  const writer = new PromptWriter(model, tokenizer);
  if (obviouslyTooLong(textsOf(body, turns), model.contextWindow)) throw tooLong(`more than ${model.contextWindow}`);
  const { prompt } = writer;
  const tools = body.tools ?? [];
  const forced = body.tool_choice?.type === 'any' || body.tool_choice?.type === 'tool';
  if (tools.length > 0) prompt.filler(forced ? TOOL_PROMPT.forced : TOOL_PROMPT.free, 1);
  for (const { cache_control, name, description, input_schema } of tools) {
    prompt.filler(4, 2).text(JSON.stringify({ name, description, input_schema }));
    writer.endBlock(cache_control);
  }
  const format = body.output_config?.format;
  if (format) prompt.text(JSON.stringify(format.schema));
  for (const block of typeof body.system === 'string' ? [{ text: body.system, cache_control: undefined }] : body.system ?? []) {
    prompt.text(block.text);
    writer.endBlock(block.cache_control);
  }
  // A change of these leaves the cache of tools and system as it is, and makes that of the messages useless.
  prompt.filler(1, seedOf(JSON.stringify([body.tool_choice ?? null, body.thinking ?? null])));
  for (const turn of turns) {
    prompt.filler(3, 3).text(turn.role);
    for (const { block } of turn.blocks) {
      writer.block(block);
      writer.endBlock('cache_control' in block ? block.cache_control : undefined);
    }
  }
  if (body.cache_control) writer.markLast(body.cache_control);
  prompt.filler(3);
  if (prompt.tokens > model.contextWindow) throw tooLong(String(prompt.tokens));
  return { prompt, blockEnds: writer.blockEnds, breakpoints: checked(writer.breakpoints) };
}

class PromptWriter {
  readonly prompt: Prompt;
  readonly blockEnds: number[] = [];
  readonly breakpoints: Breakpoint[] = [];

  constructor(private readonly model: ClaudeModel, tokenizer: Tokenizer) {
    this.prompt = new Prompt(tokenizer);
  }

  endBlock(cacheControl: CacheControl): void {
    if (this.blockEnds.at(-1) !== this.prompt.tokens) this.blockEnds.push(this.prompt.tokens);
    if (cacheControl) this.breakpoints.push({ length: this.prompt.tokens, ttl: cacheControl.ttl ?? '5m' });
  }

  /** The breakpoint that the request as a whole asks for: at its last block, unless there is one. */
  markLast(cacheControl: NonNullable<CacheControl>): void {
    if (this.breakpoints.at(-1)?.length !== this.prompt.tokens) this.breakpoints.push({ length: this.prompt.tokens, ttl: cacheControl.ttl ?? '5m' });
  }

  block(block: Block): void {
    const { prompt } = this;
    switch (block.type) {
      case 'thinking':
        prompt.text(block.thinking);
        return;
      case 'redacted_thinking':
        prompt.filler(64, seedOf(block.data));
        return;
      case 'tool_use':
        prompt.filler(6, 4).text(block.name).text(JSON.stringify(block.input));
        return;
      case 'tool_result':
        prompt.filler(6, block.is_error === true ? 5 : 6);
        if (typeof block.content === 'string') prompt.text(block.content);
        else for (const part of block.content ?? []) this.media(part);
        return;
      case 'text':
      case 'image':
      case 'document':
      case 'search_result': this.media(block);
    }
  }

  private media(block: MediaBlock): void {
    const { prompt } = this;
    switch (block.type) {
      case 'text':
        prompt.text(block.text);
        return;
      case 'image':
        prompt.filler(this.model.image.high, seedOf(JSON.stringify(block.source)));
        return;
      case 'search_result':
        prompt.filler(4, 7).text(block.source).text(block.title);
        for (const part of block.content) this.media(part);
        return;
      case 'document':
        prompt.filler(4, 8).text(block.title ?? '').text(block.context ?? '');
        if (block.source.type === 'text') prompt.text(block.source.data);
        else if (block.source.type !== 'content') prompt.filler(PDF_PAGE, seedOf(JSON.stringify(block.source)));
        else if (typeof block.source.content === 'string') prompt.text(block.source.content);
        else for (const part of block.source.content) this.media(part);
    }
  }
}

/** The plain texts that a prompt is mostly made of. */
function textsOf(body: MessagesBody, turns: readonly Turn[]): string[] {
  const system = typeof body.system === 'string' ? [body.system] : (body.system ?? []).map((block) => block.text);
  return [...system, ...turns.flatMap((turn) => turn.blocks.flatMap(({ block }) => (block.type === 'text' ? [block.text] : block.type === 'tool_result' && typeof block.content === 'string' ? [block.content] : [])))];
}

function checked(breakpoints: readonly Breakpoint[]): readonly Breakpoint[] {
  if (breakpoints.length > MOST_BREAKPOINTS) throw badRequest(`A maximum of ${MOST_BREAKPOINTS} blocks with cache_control may be provided. Found ${breakpoints.length}.`);
  const [firstShort] = breakpoints.flatMap(({ ttl }, index) => (ttl === '5m' ? [index] : []));
  if (firstShort !== undefined && breakpoints.slice(firstShort).some(({ ttl }) => ttl === '1h')) throw badRequest("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.");
  return breakpoints;
}
