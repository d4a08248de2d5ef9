import { connect } from 'node:net';

export interface RawAnswer {
  /** 0: the connection was closed without an answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const LIMIT_MS = 15_000;

/**
 * Writes bytes that no HTTP client would, and reads the first answer until the server closes or the answer is whole.
 * Pieces are written one after the other.
 */
export function sendRaw(baseUrl: string, pieces: readonly (string | Buffer)[]): Promise<RawAnswer> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(Buffer.concat(chunks)));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end of the answer within ${LIMIT_MS} ms; so far: ${Buffer.concat(chunks).toString('latin1').slice(0, 500)}`));
    }, LIMIT_MS);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (isWhole(Buffer.concat(chunks))) finish();
    });
    // The server may cut us off while we still write; what it said before that counts.
    socket.on('error', () => undefined);
    socket.on('close', finish);
    for (const piece of pieces) socket.write(piece);
  });
}

function parse(bytes: Buffer): RawAnswer {
  const text = bytes.toString('utf8');
  const split = text.indexOf('\r\n\r\n');
  const head = split < 0 ? text : text.slice(0, split);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: split < 0 ? '' : text.slice(split + 4) };
}

function isWhole(bytes: Buffer): boolean {
  const split = bytes.indexOf('\r\n\r\n');
  if (split < 0) return false;
  const length = /^content-length: *(\d+)$/im.exec(bytes.toString('latin1', 0, split))?.[1];
  return length !== undefined && bytes.length >= split + 4 + Number(length);
}
