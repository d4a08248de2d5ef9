import { type Reply } from '../../ports/reply.js';
import { type CachedAnswer } from './cached-answer.js';

/**
 * Gives a kept answer to a client: whole, or as the stream that it was, chunk by chunk and no quicker than the client reads.
 * @param headers name, value, name, value..., `content-type` included
 * @param beforeEnd goes out together with a stream's last chunk, in front of it
 */
export function play({ status, streamed, chunks }: CachedAnswer, headers: string[], reply: Reply, beforeEnd: Buffer | null = null): void {
  if (!streamed) return reply.send(status, headers, chunks);
  reply.head(status, headers);
  let next = 0;
  const go = (): void => {
    while (next < chunks.length - 1) {
      if (reply.gone) return;
      if (!reply.write(chunks[next++]!)) return reply.onDrain(go);
    }
    const last = chunks[next];
    if (beforeEnd === null || last === undefined) return reply.end(last ?? beforeEnd ?? undefined);
    reply.end(Buffer.concat([beforeEnd, last]));
  };
  go();
}
