import { type AssistantPart, type CacheBreakpoint, type DocumentPart, type ImagePart, type TextPart, type ToolCallPart, type ToolResultPart, type Turn } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';
import { openedId } from '../../dialogue/sealed-ids.js';
import { toolResult } from '../openai/tool-results.js';
import { fileOf, sourceOf } from './media.js';
import { readDetails } from './reasoning-details.js';
import { type ChatContentPart, type ChatMessage, type ChatToolCall } from './wire.js';

type Content = string | readonly { readonly type: string }[] | null | undefined;

/** Leading system and developer messages are the conversation's `system`; tool messages in a row are one user's turn. */
export function decodeMessages(messages: readonly ChatMessage[], problems: Problems): { system: TextPart[]; turns: Turn[] } {
  const system: TextPart[] = [];
  const turns: Turn[] = [];
  let results: ToolResultPart[] | null = null;
  messages.forEach((message, index) => {
    const path = at('messages', index);
    const within = at(path, 'content');
    if (message.role === 'tool') {
      if (results === null) turns.push({ role: 'user', parts: (results = []) });
      results.push(toolResult(message.tool_call_id, parts(message.content, within, problems)));
      return;
    }
    results = null;
    if (message.role === 'user') turns.push({ role: 'user', parts: parts(message.content, within, problems) });
    else if (message.role === 'assistant') turns.push({ role: 'assistant', parts: assistantParts(message, within, problems) });
    else if (message.role !== 'function') {
      const said = texts(message.content);
      if (turns.length === 0) system.push(...said);
      else turns.push({ role: 'system', parts: said });
    }
  });
  return { system, turns };
}

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;

function assistantParts(message: AssistantMessage, path: string, problems: Problems): AssistantPart[] {
  const calls = (message.tool_calls ?? []).flatMap(toolCall);
  if (message.content == null && message.refusal == null && calls.length === 0) problems.invalid(path, 'is needed where there are no tool calls');
  // Reasoning without a signature is a hint that is passed over: see IGNORED_HINTS.
  const reasoning = readDetails(message.reasoning_details).filter((part) => part.type === 'redacted_thinking' || part.signature !== null);
  const refusal: AssistantPart[] = message.refusal == null ? [] : [{ type: 'refusal', text: message.refusal }];
  return [...reasoning, ...saidBy(message.content), ...refusal, ...calls];
}

function saidBy(content: AssistantMessage['content']): AssistantPart[] {
  if (content == null || content === '') return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content.map((part): AssistantPart => (part.type === 'refusal' ? { type: 'refusal', text: part.refusal } : { type: 'text', text: part.text, ...cacheOf(part) }));
}

function toolCall(call: ChatToolCall): ToolCallPart[] {
  if (call.type !== 'function') return [];
  const { id, function: called, extra_content: extra } = call;
  const signature = extra?.google?.thought_signature;
  return [{ type: 'tool_call', ...openedId(id), name: called.name, arguments: called.arguments === '' ? '{}' : called.arguments, ...(signature == null || signature === '' ? {} : { signature }) }];
}

/** Of a message that holds nothing but text. An empty text says nothing. */
function texts(content: Content): TextPart[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return known(content).filter((part) => part.type === 'text').map((part) => ({ type: 'text', text: part.text, ...cacheOf(part) }));
}

function parts(content: Content, path: string, problems: Problems): (TextPart | ImagePart | DocumentPart)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return known(content).flatMap((part, index) => {
    const read = contentPart(part, at(path, index), problems);
    return read === null ? [] : [read];
  });
}

/** The schema has refused every other kind of part. */
const known = (content: Content): readonly ChatContentPart[] => (content ?? []) as readonly ChatContentPart[];

function contentPart(part: ChatContentPart, path: string, problems: Problems): TextPart | ImagePart | DocumentPart | null {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text, ...cacheOf(part) };
    case 'image_url': {
      const source = sourceOf(part.image_url.url);
      if (source === null) problems.invalid(at(path, 'image_url', 'url'), 'is a data URL that is not base64');
      const { detail } = part.image_url;
      return source === null ? null : { type: 'image', source, detail: detail == null || detail === 'original' ? null : detail, ...cacheOf(part) };
    }
    case 'file': {
      const { file_data: data, filename } = part.file;
      const source = data == null ? null : fileOf(data);
      if (source === null) problems.invalid(at(path, 'file', 'file_data'), data == null ? 'is missing' : 'is a data URL that is not base64');
      return source === null ? null : { type: 'document', source, name: filename ?? null, ...cacheOf(part) };
    }
  }
}

/** OpenAI's lifetimes (30 minutes, 12 hours) are not Anthropic's; the breakpoint counts, its lifetime is the provider's default. */
const cacheOf = (part: { readonly prompt_cache_breakpoint?: unknown }): { cache?: CacheBreakpoint } => (part.prompt_cache_breakpoint == null ? {} : { cache: { ttl: null } });
