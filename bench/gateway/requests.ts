/**
 * How the answer is asked for: one JSON document, or server-sent events. `hit` and `miss` are JSON at temperature 0, which
 * a cache of answers may give again: the same request each time, and one that is never the same.
 */
export type Mode = 'json' | 'sse' | 'hit' | 'miss';

/** Stands in the body of a `miss` where wrk.lua gives each request its own digits. */
const UNIQUE = '@@@@@@@@@@@@';

const WORDS = 'the gateway measures what each request costs and proves what it saved before anybody is billed for it '.split(' ');

/**
 * A chat request of exactly `bytes` bytes: a system prompt and a user message of plain English words, `max_tokens`
 * set. Deterministic, so that every target and every round sees the same bytes.
 */
export function chatBody(mode: Mode, bytes: number): string {
  const withContent = (content: string): string => JSON.stringify({
    model: 'gpt-4o-mini',
    ...(mode === 'sse' ? { stream: true } : {}),
    max_tokens: 256,
    temperature: mode === 'hit' || mode === 'miss' ? 0 : 0.7,
    messages: [{ role: 'system', content: 'You are a concise assistant.' }, { role: 'user', content }],
  });
  const unique = mode === 'miss' ? UNIQUE : '';
  const room = bytes - withContent(unique).length;
  if (room < 1) throw new RangeError(`a chat request does not fit into ${bytes} bytes`);
  let content = '';
  for (let word = 0; content.length < room; word++) content += `${WORDS[word % WORDS.length] as string} `;
  return withContent(unique + content.slice(0, room));
}

/** Content events of a stream, each its own HTTP chunk; a usage event when asked for, and `[DONE]`, come after them. */
export const SSE_EVENTS = 20;
