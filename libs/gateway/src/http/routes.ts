import { type Surface } from '@apex/usage';

export type Route =
  | { readonly kind: 'call'; readonly path: 'gateway' | 'direct'; readonly surface: Surface }
  | { readonly kind: 'models'; readonly path: 'gateway' | 'direct'; readonly model: string | null }
  | { readonly kind: 'wrong_method' }
  | { readonly kind: 'unknown' };

const CALLS: Readonly<Record<string, Surface>> = {
  '/v1/chat/completions': 'chat.completions',
  '/v1/embeddings': 'embeddings',
  '/v1/messages': 'messages',
  '/v1/responses': 'responses',
};

const MODELS = '/v1/models';

/** True for the addresses that never meet Nest: `/v1/...` and `/direct/v1/...`. */
export const isDataPlane = (url: string): boolean => url.startsWith('/v1/') || url.startsWith('/direct/v1/');

/** Which surface an address is. A query string does not change it. */
export function route(method: string, url: string): Route {
  const query = url.indexOf('?');
  let pathname = query < 0 ? url : url.slice(0, query);
  const path = pathname.startsWith('/direct/') ? 'direct' : 'gateway';
  if (path === 'direct') pathname = pathname.slice('/direct'.length);
  const surface = Object.hasOwn(CALLS, pathname) ? CALLS[pathname] : undefined;
  if (surface !== undefined) return method === 'POST' ? { kind: 'call', path, surface } : { kind: 'wrong_method' };
  if (pathname === MODELS) return method === 'GET' ? { kind: 'models', path, model: null } : { kind: 'wrong_method' };
  if (pathname.startsWith(`${MODELS}/`)) return method === 'GET' ? { kind: 'models', path, model: decode(pathname.slice(MODELS.length + 1)) } : { kind: 'wrong_method' };
  return { kind: 'unknown' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
