import { type BinarySource, type DocumentPart, type ImagePart } from '../../dialogue/conversation.js';

/** An `image_url`'s address: a data URL's bytes, or an address to fetch. Null: a data URL that is not base64. */
export function sourceOf(url: string): BinarySource | null {
  return /^data:/i.test(url) ? dataOf(url) : { kind: 'url', url };
}

/** Without a regular expression over the data, which may be megabytes. Parameters of the media type are kept with it. */
function dataOf(url: string): BinarySource | null {
  const comma = url.indexOf(',');
  const head = comma === -1 ? '' : url.slice('data:'.length, comma);
  if (!/;base64$/i.test(head)) return null;
  return { kind: 'base64', mediaType: head.slice(0, -';base64'.length), data: url.slice(comma + 1) };
}

/** `file_data`: a data URL, or base64 alone, which is a PDF's (the one kind of file that chat completions take). */
export function fileOf(data: string): BinarySource | null {
  return /^data:/i.test(data) ? dataOf(data) : { kind: 'base64', mediaType: 'application/pdf', data };
}

const dataUrl = (source: Extract<BinarySource, { kind: 'base64' }>): string => `data:${source.mediaType};base64,${source.data}`;

export const encodeImage = ({ source, detail }: ImagePart): object => ({
  type: 'image_url',
  image_url: { url: source.kind === 'url' ? source.url : dataUrl(source), ...(detail === null ? {} : { detail }) },
});

/**
 * Chat completions take PDF files in the body; for a text they ask for a text part (developers.openai.com/api/docs/guides/file-inputs).
 * A name is demanded. Null: a file that cannot be put into a chat.
 */
export function encodeDocument({ source, name }: DocumentPart): object | null {
  if (source.kind === 'text') return { type: 'text', text: name === null ? source.text : `${name}\n\n${source.text}` };
  if (source.kind === 'url' || source.mediaType !== 'application/pdf') return null;
  return { type: 'file', file: { filename: name ?? 'document.pdf', file_data: dataUrl(source) } };
}
