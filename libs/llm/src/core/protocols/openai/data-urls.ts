import { type BinarySource } from '../../dialogue/conversation.js';

export type Inline = Extract<BinarySource, { readonly kind: 'base64' }>;

export const isDataUrl = (url: string): boolean => /^data:/i.test(url);

/**
 * The data of a `data:` URL (RFC 2397); null where it is none in base64. Parameters of the media type stay with it, but for a
 * charset that is UTF-8's own. Without a regular expression over the data, which may be megabytes.
 */
export function readDataUrl(url: string): Inline | null {
  const comma = url.indexOf(',');
  const [type, ...parameters] = url.slice('data:'.length, Math.max(comma, 0)).split(';');
  if (type === undefined || !type.includes('/') || parameters.pop()?.toLowerCase() !== 'base64') return null;
  const telling = parameters.filter((parameter) => !/^charset="?(?:utf-8|us-ascii)"?$/i.test(parameter));
  return { kind: 'base64', mediaType: [type, ...telling].join(';'), data: url.slice(comma + 1) };
}

export const writeDataUrl = ({ mediaType, data }: Inline): string => `data:${mediaType};base64,${data}`;
