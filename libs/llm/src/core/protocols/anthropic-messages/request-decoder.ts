import { type Fields, isFields } from '@apex/common';
import { type AssistantPart, type CacheBreakpoint, type Conversation, type Decoded, type OutputFormat, type Reasoning, type TextPart, type Tool, type ToolChoice, type Turn, type UserPart } from '../../dialogue/conversation.js';
import { NOTHING_SAID } from '../../dialogue/nothing-said.js';
import { at, Problems } from '../../dialogue/problems.js';
import { openedId } from '../../dialogue/sealed-ids.js';
import { openedData, openedSignature } from '../../dialogue/signatures.js';
import { traitsOf } from './models.js';
import { customTool, request, type AssistantBlock, type CacheControl, type DocumentBlock, type ImageBlock, type Message, type Request, type TextBlock, type ToolResultBlock, type UserBlock } from './wire.js';

/**
 * Members that a translation passes over, since they change neither the answer nor its form: which capacity serves it and
 * how fast, whether thinking that another provider may not show at all is to be shown, how a tool's input is streamed.
 */
export const IGNORED_HINTS: readonly string[] = ['service_tier', 'speed', 'thinking.display', 'tools[].eager_input_streaming'];

/** A client's request. `cache_control` of the whole request becomes a breakpoint on the last block, which is what it means. */
export function decodeRequest(body: unknown): Decoded<Conversation> {
  const problems = new Problems();
  const read = problems.read(request, body);
  if (read === null) return problems.refused();
  if (read.max_tokens === 0) problems.inexpressible('max_tokens', 'warming the cache without an answer has no words elsewhere');
  if (read.output_config?.format != null && read.output_format != null) problems.invalid('output_format', 'is given twice: use output_config.format');
  const turns = read.messages.map((message, index) => decodeTurn(message, at('messages', index, 'content'), problems));
  const reasoning = decodeReasoning(read, problems);
  const tools = decodeTools(read.tools ?? [], problems);
  const choice = read.tool_choice;
  const single = choice != null && 'disable_parallel_tool_use' in choice ? (choice.disable_parallel_tool_use ?? null) : null;
  return problems.decoded({
    ...NOTHING_SAID,
    model: read.model,
    system: (read.system ?? []).map(decodeText),
    turns: read.cache_control == null ? turns : cachedAtEnd(turns, { ttl: read.cache_control.ttl ?? null }),
    tools,
    toolChoice: choice == null ? null : decodeToolChoice(choice),
    parallelTools: single === null ? null : !single,
    maxOutputTokens: read.max_tokens,
    temperature: read.temperature ?? null,
    topP: read.top_p ?? null,
    topK: read.top_k ?? null,
    stop: read.stop_sequences ?? [],
    output: decodeOutput(read),
    reasoning,
    endUser: read.metadata?.user_id ?? null,
    stream: read.stream ?? false,
  });
}

function decodeTurn(message: Message, path: string, problems: Problems): Turn {
  switch (message.role) {
    case 'user':
      return { role: 'user', parts: message.content.map((block, index) => decodeUserBlock(block, at(path, index), problems)) };
    case 'assistant':
      return { role: 'assistant', parts: message.content.map(decodeAssistantBlock) };
    case 'system':
      return { role: 'system', parts: message.content.map(decodeText) };
  }
}

const cached = (control: CacheControl): { cache?: CacheBreakpoint } => (control == null ? {} : { cache: { ttl: control.ttl ?? null } });

const decodeText = (block: TextBlock): TextPart => ({ type: 'text', text: block.text, ...cached(block.cache_control) });

function decodeUserBlock(block: UserBlock, path: string, problems: Problems): UserPart {
  return block.type === 'tool_result' ? decodeToolResult(block, path, problems) : decodeContent(block, path, problems);
}

function decodeContent(block: TextBlock | ImageBlock | DocumentBlock, path: string, problems: Problems): Exclude<UserPart, { type: 'tool_result' }> {
  switch (block.type) {
    case 'text':
      return decodeText(block);
    case 'image':
      return { type: 'image', source: binary(block.source), detail: null, ...cached(block.cache_control) };
    case 'document': {
      const { source } = block;
      const rest = { type: 'document' as const, name: block.title ?? null, ...cached(block.cache_control) };
      if (source.type === 'text') return { ...rest, source: { kind: 'text', text: source.data } };
      if (source.type !== 'content') return { ...rest, source: binary(source) };
      const [only, ...more] = source.content;
      if (only === undefined || more.length > 0) problems.inexpressible(at(path, 'source', 'content'), 'a document in other than one block of text has no words elsewhere');
      return { ...rest, source: { kind: 'text', text: only?.text ?? '' } };
    }
  }
}

const binary = (source: { type: 'base64'; media_type: string; data: string } | { type: 'url'; url: string }) =>
  source.type === 'url' ? ({ kind: 'url', url: source.url } as const) : ({ kind: 'base64', mediaType: source.media_type, data: source.data } as const);

function decodeToolResult(block: ToolResultBlock, path: string, problems: Problems): UserPart {
  const content = (block.content ?? []).map((one, index) => decodeContent(one, at(path, 'content', index), problems));
  return { type: 'tool_result', toolCallId: openedId(block.tool_use_id).id, content, isError: block.is_error ?? false, ...cached(block.cache_control) };
}

/** Thinking whose signature is empty was signed by nobody, as thinking is that some providers tell. */
function decodeAssistantBlock(block: AssistantBlock): AssistantPart {
  switch (block.type) {
    case 'text':
      return decodeText(block);
    case 'thinking':
      return { type: 'thinking', text: block.thinking, signature: block.signature === '' ? null : openedSignature(block.signature, 'anthropic-messages') };
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: openedData(block.data, 'anthropic-messages') };
    case 'tool_use':
      return { type: 'tool_call', ...openedId(block.id), name: block.name, arguments: JSON.stringify(block.input), ...cached(block.cache_control) };
  }
}

/** Thinking takes no breakpoint: then the request has none, as with the provider. */
function cachedAtEnd(turns: readonly Turn[], cache: CacheBreakpoint): readonly Turn[] {
  const turn = turns.at(-1);
  const part = turn?.parts.at(-1);
  if (turn === undefined || part === undefined || part.type === 'thinking' || part.type === 'redacted_thinking' || part.type === 'refusal' || part.cache !== undefined) return turns;
  return [...turns.slice(0, -1), { ...turn, parts: [...turn.parts.slice(0, -1), { ...part, cache }] } as Turn];
}

function decodeTools(tools: readonly unknown[], problems: Problems): Tool[] {
  return tools.flatMap((value, index): Tool[] => {
    const type = isFields(value) ? value['type'] : undefined;
    if (typeof type === 'string' && type !== 'custom') {
      problems.inexpressible(at('tools', index, 'type'), `'${type.slice(0, 64)}' is a tool of the provider's own`);
      return [];
    }
    const tool = problems.read(customTool, value, at('tools', index));
    return tool === null ? [] : [{ name: tool.name, description: tool.description ?? null, parameters: isBare(tool.input_schema) ? null : tool.input_schema, strict: tool.strict ?? null, ...cached(tool.cache_control) }];
  });
}

/** `input_schema` is not optional: `{type: object, properties: {}}` is how a tool without arguments is written, closed where it is strict. */
const isBare = ({ type, properties, additionalProperties: open, ...rest }: Fields): boolean =>
  type === 'object' && isFields(properties) && Object.keys(properties).length === 0 && (open === undefined || open === false) && Object.keys(rest).length === 0;

function decodeToolChoice(choice: NonNullable<Request['tool_choice']>): ToolChoice {
  switch (choice.type) {
    case 'any':
      return { kind: 'required' };
    case 'tool':
      return { kind: 'tool', name: choice.name };
    case 'auto':
    case 'none':
      return { kind: choice.type };
  }
}

/** `strict`, as the provider guarantees the form; a guarantee that another cannot give must not get lost. */
function decodeOutput(read: Request): OutputFormat {
  const format = read.output_config?.format ?? read.output_format;
  return format == null ? { kind: 'text' } : { kind: 'json_schema', name: null, description: null, schema: format.schema, strict: true };
}

/**
 * `thinking` and `output_config.effort`. An effort alone asks for thinking where the model thinks unasked; elsewhere it
 * means how much is written, which no other provider knows.
 */
function decodeReasoning(read: Request, problems: Problems): Reasoning | null {
  const effort = read.output_config?.effort ?? null;
  const thinking = read.thinking ?? null;
  const refuseEffort = (why: string): void => {
    problems.inexpressible('output_config.effort', why);
  };
  if (thinking === null) {
    if (effort !== null && !traitsOf(read.model).thinksUnasked) refuseEffort('effort without thinking has no words elsewhere');
    return effort === null ? null : { enabled: true, effort, budgetTokens: null };
  }
  if (thinking.type === 'adaptive') return { enabled: true, effort, budgetTokens: null };
  if (effort !== null) refuseEffort(thinking.type === 'enabled' ? 'effort beside a budget has no words elsewhere' : 'effort without thinking has no words elsewhere');
  return thinking.type === 'enabled' ? { enabled: true, effort: null, budgetTokens: thinking.budget_tokens } : { enabled: false, effort: null, budgetTokens: null };
}
