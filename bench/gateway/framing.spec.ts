import { nextRequest } from './framing.js';

const POST = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKED = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';

describe('nextRequest', () => {
  it('finds pipelined requests one after the other, whatever their framing', () => {
    const bytes = Buffer.from(POST + CHUNKED + 'GET /stats HTTP/1.1\r\n\r\n' + POST);
    const found: string[] = [];
    for (let at = 0; at < bytes.length;) {
      const request = nextRequest(bytes, at);
      if (!request) throw new Error(`nothing found at ${at}`);
      found.push(request.head.split('\r\n')[0] as string);
      at = request.end;
    }
    expect(found).toEqual(['POST /v1/chat/completions HTTP/1.1', 'POST / HTTP/1.1', 'GET /stats HTTP/1.1', 'POST /v1/chat/completions HTTP/1.1']);
  });

  it.each([['content-length', POST], ['chunked', CHUNKED]])('waits for the last byte (%s)', (_, text) => {
    for (let cut = 0; cut < text.length; cut++) expect(nextRequest(Buffer.from(text.slice(0, cut)), 0)).toBeNull();
    expect(nextRequest(Buffer.from(text), 0)?.end).toBe(text.length);
  });
});
