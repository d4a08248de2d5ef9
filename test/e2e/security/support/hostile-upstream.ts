import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What a hostile provider does with a connection once a whole request has come. It owns the socket. */
export type Misbehaviour = (socket: Socket) => void;

export interface HostileUpstream {
  /** As OpenAI's SDK has it, with `/v1`. */
  readonly url: string;
  readonly origin: string;
  /** The requests that came, whole, as they were sent. */
  readonly requests: readonly string[];
  /** From now on every request gets this. */
  behave(how: Misbehaviour): void;
  close(): Promise<void>;
}

/** A provider that keeps to no protocol but its script's. */
export async function startHostileUpstream(): Promise<HostileUpstream> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let how: Misbehaviour = (socket) => socket.destroy();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    let pending = '';
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1');
      for (let whole = takeRequest(pending); whole !== null; whole = takeRequest(pending)) {
        requests.push(whole);
        pending = pending.slice(whole.length);
        how(socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/v1`,
    origin,
    requests,
    behave: (next) => (how = next),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The first request in these bytes, or null while it is not whole. Apex announces every body's length. */
function takeRequest(bytes: string): string | null {
  const head = bytes.indexOf('\r\n\r\n');
  if (head < 0) return null;
  const length = Number(/^content-length: *(\d+)$/im.exec(bytes.slice(0, head))?.[1] ?? 0);
  const end = head + 4 + length;
  return bytes.length < end ? null : bytes.slice(0, end);
}

/** A well-behaved answer's bytes, with the given headers besides. */
export function answer(status: string, headers: readonly string[], body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${[...headers, `content-length: ${bytes.length}`].join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
}

/** An ordinary chat completion, with whatever is laid over it. */
export const completion = (over: object = {}): string =>
  JSON.stringify({
    id: 'chatcmpl-hostile',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    ...over,
  });
