import { type Fields } from '@apex/common';
import { type DocumentPart, type ImagePart } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';
import { type Inline, isDataUrl, readDataUrl, writeDataUrl } from '../openai/data-urls.js';
import { type InputFile, type InputImage } from './wire.js';

export function decodeImage(part: InputImage, path: string, problems: Problems): ImagePart {
  const url = part.image_url ?? '';
  if (part.detail === 'original') problems.inexpressible(at(path, 'detail'), 'images in their original size cannot be asked for elsewhere');
  if (url === '' && part.file_id == null) problems.invalid(at(path, 'image_url'), 'is required');
  const inline = isDataUrl(url) ? readDataUrl(url) : null;
  if (inline === null && isDataUrl(url)) problems.invalid(at(path, 'image_url'), 'is a data URL that is not in base64');
  return { type: 'image', source: inline ?? { kind: 'url', url }, detail: part.detail === 'original' ? null : (part.detail ?? null) };
}

export const encodeImage = (part: ImagePart): Fields => ({
  type: 'input_image',
  image_url: part.source.kind === 'url' ? part.source.url : writeDataUrl(part.source),
  ...(part.detail === null ? {} : { detail: part.detail }),
});

export function decodeFile(part: InputFile, path: string, problems: Problems): DocumentPart {
  const { file_data: data, file_url: url } = part;
  const name = part.filename ?? null;
  if (data != null && url != null) problems.invalid(at(path, 'file_url'), 'cannot be given together with file_data');
  if (data == null && url == null && part.file_id == null) problems.invalid(at(path, 'file_data'), 'is required');
  if (url != null) return { type: 'document', source: { kind: 'url', url }, name };
  const inline = readFileData(data ?? '', name);
  if (inline === null && data != null) problems.invalid(at(path, 'file_data'), 'must be a data URL in base64');
  return { type: 'document', source: inline === null ? { kind: 'text', text: '' } : (textOf(inline) ?? inline), name };
}

/** Base64 without a data URL's head is taken for what the file's name says, where that is plain. */
function readFileData(data: string, name: string | null): Inline | null {
  if (isDataUrl(data)) return readDataUrl(data);
  return name !== null && /\.pdf$/i.test(name) ? { kind: 'base64', mediaType: 'application/pdf', data } : null;
}

/** Plain text, which others take as text; null for what is not UTF-8 or another kind of file. */
function textOf(source: Inline): Extract<DocumentPart['source'], { readonly kind: 'text' }> | null {
  if (source.mediaType !== 'text/plain') return null;
  const bytes = Buffer.from(source.data, 'base64');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? { kind: 'text', text } : null;
}

const DEFAULT_NAMES: Readonly<Record<string, string>> = { 'application/pdf': 'document.pdf', 'text/plain': 'document.txt' };

/** A file that is sent along needs a name, by which its kind is told; other protocols need none. */
export function encodeFile({ source, name }: DocumentPart): Fields {
  if (source.kind === 'url') return { type: 'input_file', file_url: source.url, ...(name === null ? {} : { filename: name }) };
  const inline: Inline = source.kind === 'base64' ? source : { kind: 'base64', mediaType: 'text/plain', data: Buffer.from(source.text, 'utf8').toString('base64') };
  return { type: 'input_file', filename: name ?? DEFAULT_NAMES[inline.mediaType] ?? 'document', file_data: writeDataUrl(inline) };
}
