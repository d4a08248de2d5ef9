import { type Fields, fieldsOf, isFields } from '@apex/common';
import { type DocumentPart, type ImagePart, type TextPart, type ToolResultPart } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';
import { jsonText } from './json.js';
import { readMedia, writeMedia } from './media.js';

type Content = ToolResultPart['content'][number];

/**
 * A tool's result as `functionResponse` (ai.google.dev/api/caching, `FunctionResponse`; "Multimodal function responses" in
 * ai.google.dev/gemini-api/docs/function-calling). Gemini's own words for what came of it are the keys `output` and `error`.
 *
 * | Content | Gemini |
 * |-|-|
 * | one text | `response: {output: "..."}`, and `{error: "..."}` of a failed call |
 * | several texts | `response: {output: ["...", "..."]}` |
 * | nothing, or media alone | `response: {}`, `{error: []}` |
 * | media after the texts | `parts: [{inlineData}]` |
 * | media between texts | `output: ["...", {"$ref": "part_0"}, "..."]`, and the name, the document's own if it has one, in `parts[0].inlineData.displayName` |
 *
 * The text is never parsed: what the tool wrote is what Gemini gets.
 */
export function writeFunctionResponse(result: ToolResultPart, name: string, path: string, problems: Problems): Fields {
  const { content } = result;
  const media = content.flatMap((part, index) => (part.type === 'text' ? [] : [{ part, path: at(path, 'content', index) }]));
  const texts = content.length - media.length;
  const inOrder = content.every((part, index) => index < texts === (part.type === 'text'));
  const names = media.map(({ part }, index) => (part.type === 'document' && part.name !== null ? part.name : placeName(index)));
  const parts = media.map(({ part, path: where }, index) => {
    const { mediaResolution, ...written } = writeMedia(part, where, problems);
    if (mediaResolution !== undefined) problems.inexpressible(at(where, 'detail'), 'an image in a tool result has no resolution');
    if (inOrder) return written;
    if (!isClear(names, index, part)) problems.inexpressible(at(where, 'name'), 'the name ties a document to its place in a tool result, and this one does not tell it from others');
    return named(written, names[index] ?? '');
  });
  let next = 0;
  const said = content.flatMap((part): unknown[] => (part.type === 'text' ? [part.text] : inOrder ? [] : [{ $ref: names[next++] }]));
  return { id: result.toolCallId, name, response: responseOf(said, result.isError), ...(parts.length > 0 && { parts }) };
}

function responseOf(said: readonly unknown[], isError: boolean): Fields {
  if (said.length === 0 && !isError) return {};
  return { [isError ? 'error' : 'output']: said.length === 1 && typeof said[0] === 'string' ? said[0] : said };
}

const placeName = (index: number): string => `part_${index}`;
const isPlaceName = (name: unknown): boolean => typeof name === 'string' && /^part_\d+$/.test(name);

const isClear = (names: readonly string[], index: number, part: ImagePart | DocumentPart): boolean =>
  names.indexOf(names[index] ?? '') === names.lastIndexOf(names[index] ?? '') && !(part.type === 'document' && isPlaceName(part.name));

function named(part: Fields, name: string): Fields {
  const member = isFields(part['inlineData']) ? 'inlineData' : 'fileData';
  return { ...part, [member]: { ...(part[member] as Fields), displayName: name } };
}

/** The inverse. A `response` in other words than `output` and `error` is output as a whole, as Gemini has it, and read as its JSON. */
export function readFunctionResponse(response: Fields, toolCallId: string, path: string, problems: Problems): ToolResultPart {
  const said = fieldsOf(response['response']);
  const parts = Array.isArray(response['parts']) ? response['parts'].filter(isFields) : [];
  const keys = Object.keys(said);
  const key = keys.length === 1 && (keys[0] === 'output' || keys[0] === 'error') ? keys[0] : null;
  const isError = key === 'error';
  const value = key === null ? said : said[key];
  const placed = placedContent(value, parts, path, problems);
  if (placed !== null) return { type: 'tool_result', toolCallId, content: placed, isError };
  const media = parts.flatMap((part, index) => readMedia(part, at(path, 'parts', index), problems) ?? []);
  return { type: 'tool_result', toolCallId, content: [...textsOf(value, keys.length === 0, path, problems), ...media], isError };
}

function textsOf(value: unknown, nothing: boolean, path: string, problems: Problems): TextPart[] {
  if (nothing) return [];
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (Array.isArray(value) && value.length !== 1 && value.every((one) => typeof one === 'string')) return value.map((text) => ({ type: 'text', text }));
  const text = jsonText(value);
  if (text === null) problems.invalid(at(path, 'response'), 'nests too deep');
  return [{ type: 'text', text: text ?? '' }];
}

/** Texts and references to every one of the parts, once each; null: it is not that. */
function placedContent(value: unknown, parts: readonly Fields[], path: string, problems: Problems): Content[] | null {
  if (!Array.isArray(value) || parts.length === 0) return null;
  const names = parts.map((part) => {
    const holder = part['inlineData'] ?? part['fileData'];
    return isFields(holder) ? holder['displayName'] : undefined;
  });
  const references = value.filter((one) => typeof one !== 'string').map((one: unknown) => (isFields(one) && Object.keys(one).length === 1 ? names.indexOf(one['$ref']) : -1));
  if (references.includes(-1) || new Set(references).size !== parts.length || references.length !== parts.length) return null;
  let next = 0;
  return value.flatMap((one: unknown): Content[] => {
    if (typeof one === 'string') return [{ type: 'text', text: one }];
    const index = references[next++] ?? -1;
    const part = parts[index];
    const media = part === undefined ? null : readMedia(unnamed(part), at(path, 'parts', index), problems);
    return media === null ? [] : [media];
  });
}

/** Without the name that only places it: one of ours, or an image's, which has none elsewhere. */
function unnamed(part: Fields): Fields {
  const member = isFields(part['inlineData']) ? 'inlineData' : 'fileData';
  const { displayName, ...holder } = part[member] as Fields;
  return isPlaceName(displayName) || /^image\//i.test(String(holder['mimeType'] ?? 'image/*')) ? { ...part, [member]: holder } : part;
}
