import { CHAT_PATH, JSON_HEADERS, type Target } from './target.js';

/** No proxy: the load goes straight to the upstream. What is left of a target's latency after this is its own. */
export const direct: Target = {
  name: 'direct',
  what: 'the load generator straight to the upstream: its ceiling, and the zero of "added p50"',
  peer: false,
  start: ({ upstream }) => Promise.resolve({
    version: '-',
    url: upstream + CHAT_PATH,
    headers: { ...JSON_HEADERS, authorization: 'Bearer bench' },
    pid: null,
    stop: () => Promise.resolve(),
  }),
};
