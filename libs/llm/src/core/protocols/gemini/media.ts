import { type Fields, isFields, isPresent } from '@apex/common';
import { type BinarySource, type DocumentPart, type ImagePart } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';

type Media = ImagePart | DocumentPart;

/** What a URL's ending says of its content; where it says nothing, Gemini looks for itself. */
const TYPES: Readonly<Record<string, string>> = {
  png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp', gif: 'image/gif', heic: 'image/heic', heif: 'image/heif',
  pdf: 'application/pdf', txt: 'text/plain', md: 'text/markdown', html: 'text/html', csv: 'text/csv', xml: 'text/xml', json: 'application/json',
};

const LEVELS = { low: 'MEDIA_RESOLUTION_LOW', high: 'MEDIA_RESOLUTION_HIGH' } as const;

/** Files that only Google can fetch: uploaded to it, or in its storage. */
const FILES_API = /^https:\/\/generativelanguage\.googleapis\.com\//i;

/**
 * An image or a document as `inlineData` or `fileData` (ai.google.dev/gemini-api/docs/file-input-methods: any public URL).
 * - A URL's type is told by its ending, unless that contradicts the part; then, or where there is none, a document is
 *   `application/pdf`. An image without an ending is left to Gemini, and `image/jpeg` where its ending is a document's.
 * - A document given as text is `text/plain`; a name is its `displayName`.
 * - `detail` is the part's `mediaResolution`; `auto` is the default and not said.
 */
export function writeMedia(part: Media, path: string, problems: Problems): Fields {
  const name = part.type === 'document' && part.name !== null ? { displayName: part.name } : {};
  const detail = part.type === 'image' && (part.detail === 'low' || part.detail === 'high') ? { mediaResolution: { level: LEVELS[part.detail] } } : {};
  const { source } = part;
  switch (source.kind) {
    case 'base64':
      return { inlineData: { mimeType: source.mediaType, data: source.data, ...name }, ...detail };
    case 'text':
      return { inlineData: { mimeType: 'text/plain', data: Buffer.from(source.text, 'utf8').toString('base64'), ...name } };
    case 'url': {
      if (!/^https?:\/\//i.test(source.url)) problems.inexpressible(at(path, 'source.url'), 'Gemini fetches http and https alone');
      const guess = typeByEnding(source.url);
      const mimeType = part.type === 'image' ? imageType(guess) : documentType(guess);
      return { fileData: { fileUri: source.url, ...(mimeType !== null && { mimeType }), ...name }, ...detail };
    }
  }
}

const isImage = (type: string): boolean => type.startsWith('image/');
const documentType = (guess: string | null): string => (guess === null || isImage(guess) ? 'application/pdf' : guess);
const imageType = (guess: string | null): string | null => (guess === null || isImage(guess) ? guess : 'image/jpeg');

/** Null where it is a problem: audio, video, or a file that nobody but Google can fetch. */
export function readMedia(part: Fields, path: string, problems: Problems): Media | null {
  const member = isPresent(part['inlineData']) ? 'inlineData' : 'fileData';
  const blob = part[member];
  if (!isFields(blob)) return null;
  const source = member === 'inlineData' ? inline(blob) : remote(blob, at(path, 'fileData'), problems);
  if (source === null) return null;
  const mediaType = typeof blob['mimeType'] === 'string' ? blob['mimeType'] : (typeByEnding(String(blob['fileUri'])) ?? 'image/*');
  if (/^(?:audio|video)\//i.test(mediaType)) {
    problems.inexpressible(at(path, member), 'audio and video have no counterpart');
    return null;
  }
  const detail = readDetail(part['mediaResolution'], at(path, 'mediaResolution'), problems);
  if (/^image\//i.test(mediaType)) {
    if (isPresent(blob['displayName'])) problems.inexpressible(at(path, `${member}.displayName`), 'an image has no name');
    return { type: 'image', source, detail };
  }
  if (detail !== null) problems.inexpressible(at(path, 'mediaResolution'), 'a document has no resolution');
  const text = source.kind === 'base64' && mediaType === 'text/plain' ? utf8(source.data) : null;
  const name = typeof blob['displayName'] === 'string' ? blob['displayName'] : null;
  return { type: 'document', source: text === null ? source : { kind: 'text', text }, name };
}

const inline = (blob: Fields): BinarySource => ({ kind: 'base64', mediaType: String(blob['mimeType']), data: String(blob['data']) });

function remote(file: Fields, path: string, problems: Problems): BinarySource | null {
  const url = String(file['fileUri']);
  if (/^https?:\/\//i.test(url) && !FILES_API.test(url)) return { kind: 'url', url };
  problems.inexpressible(at(path, 'fileUri'), 'a file that is kept at Google is known to nobody else');
  return null;
}

function readDetail(resolution: unknown, path: string, problems: Problems): ImagePart['detail'] {
  if (!isFields(resolution)) return null;
  const level = resolution['level'];
  if (isPresent(resolution['numTokens'])) problems.inexpressible(at(path, 'numTokens'), 'nobody else counts the tokens of an image');
  if (!isPresent(level) || level === 'MEDIA_RESOLUTION_UNSPECIFIED') return null;
  if (level === LEVELS.low) return 'low';
  if (level === LEVELS.high) return 'high';
  problems.inexpressible(at(path, 'level'), 'only low and high have counterparts');
  return null;
}

function typeByEnding(url: string): string | null {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  const ending = /\.([A-Za-z]{2,5})$/.exec(path)?.[1]?.toLowerCase();
  return ending !== undefined && Object.hasOwn(TYPES, ending) ? (TYPES[ending] ?? null) : null;
}

/** The text that this base64 is, where it is one and comes back the same. */
function utf8(data: string): string | null {
  try {
    const bytes = Buffer.from(data, 'base64');
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return bytes.toString('base64') === data ? text : null;
  } catch {
    return null;
  }
}
