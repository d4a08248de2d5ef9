/** One request found in a connection's bytes. Offsets are into the buffer that was searched. */
export interface FramedRequest {
  readonly head: string;
  readonly bodyStart: number;
  /** First byte after the body as sent, chunk framing included. */
  readonly end: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding:[ \t]*chunked/i;

/** The request that starts at `from`, or null while its last byte has not come. Just enough HTTP/1.1 for a benchmark. */
export function nextRequest(bytes: Buffer, from: number): FramedRequest | null {
  const headEnd = bytes.indexOf(HEAD_END, from);
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', from, headEnd);
  const bodyStart = headEnd + HEAD_END.length;
  const length = CONTENT_LENGTH.exec(head);
  const end = length ? bodyStart + Number(length[1]) : CHUNKED.test(head) ? endOfChunks(bytes, bodyStart) : bodyStart;
  return end < 0 || end > bytes.length ? null : { head, bodyStart, end };
}

/** The offset after the last chunk's empty trailer, or -1 while it has not come. */
function endOfChunks(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
    if (lineEnd < 0) return -1;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    at = lineEnd + 2 + size + 2;
    if (size === 0) return at;
    if (at > bytes.length) return -1;
  }
}
