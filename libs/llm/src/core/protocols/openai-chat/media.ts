import { type BinarySource, type DocumentPart, type ImagePart } from '../../dialogue/conversation.js';
import { isDataUrl, readDataUrl, writeDataUrl } from '../openai/data-urls.js';

/** An `image_url`'s address: a data URL's bytes, or an address to fetch. Null: a data URL that is not base64. */
export const sourceOf = (url: string): BinarySource | null => (isDataUrl(url) ? readDataUrl(url) : { kind: 'url', url });

/** `file_data`: a data URL, or base64 alone, which is a PDF's (the one kind of file that chat completions take). */
export const fileOf = (data: string): BinarySource | null => (isDataUrl(data) ? readDataUrl(data) : { kind: 'base64', mediaType: 'application/pdf', data });

export const encodeImage = ({ source, detail }: ImagePart): object => ({
  type: 'image_url',
  image_url: { url: source.kind === 'url' ? source.url : writeDataUrl(source), ...(detail === null ? {} : { detail }) },
});

/**
 * Chat completions take PDF files in the body; for a text they ask for a text part (developers.openai.com/api/docs/guides/file-inputs).
 * A name is demanded. Null: a file that cannot be put into a chat.
 */
export function encodeDocument({ source, name }: DocumentPart): object | null {
  if (source.kind === 'text') return { type: 'text', text: name === null ? source.text : `${name}\n\n${source.text}` };
  if (source.kind === 'url' || source.mediaType !== 'application/pdf') return null;
  return { type: 'file', file: { filename: name ?? 'document.pdf', file_data: writeDataUrl(source) } };
}
