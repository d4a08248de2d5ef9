import fc from 'fast-check';
import { parseRequestHead } from './request-head.js';
import { RequestReader } from './request-reader.js';

const LIMITS = { maxBytes: 600, maxFields: 20 };
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Heads that are alike, in all their parts and lengths. */
const value = fc.oneof(
  fc.constantFrom('1', '2', '12', '', ' ', 'a b', 'a:b', '0', '007', '1e3', '-1', '+1', '9007199254740993', 'close', 'keep-alive', 'a\rb', 'a\0', 'caf\xe9', '\x7f', 'x\r\ny: z', 'x\ny: z', 'x\r', '\t1\t'),
  fc.stringMatching(/^[\x20-\x7e]{0,40}$/),
);
const line = fc.tuple(fc.constantFrom('host', 'Host', 'content-length', 'connection', 'x-a', 'X-A', 'x-b', 'authorization', 'expect', 'x a'), value).map(([name, text]) => `${name}: ${text}`);
const head = fc
  .tuple(fc.constantFrom('POST', 'POST', 'GET'), fc.constantFrom('/v1/a', '/v1/b', '/v1/a?b'), fc.array(line, { maxLength: 5 }), value, fc.constantFrom('1', '2', '34'))
  .map(([method, url, lines, extra, length]) => `${method} ${url} HTTP/1.1\r\n${['host: x', ...(method === 'POST' ? [`content-length: ${length}`] : []), `x-id: ${extra}`, ...lines].join('\r\n')}\r\n\r\nbody`);

describe('RequestReader', () => {
  it('reads what parseRequestHead reads, whatever was read before', () => {
    fc.assert(
      fc.property(fc.array(head, { minLength: 2, maxLength: 6 }), (texts) => {
        const reader = new RequestReader(LIMITS);
        for (const text of texts) expect(reader.read(bytesOf(text))).toEqual(parseRequestHead(bytesOf(text), LIMITS));
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads what parseRequestHead reads, also of a head that differs a little', () => {
    const first = 'POST /v1/chat/completions HTTP/1.1\r\nHost: api\r\nContent-Length: 120\r\nx-request-id: abc\r\nAuthorization: Bearer x\r\nConnection: keep-alive\r\nx-last: \r\n\r\n';
    const edit = fc.tuple(fc.nat(first.length + 10), fc.nat(3), fc.constantFrom('', '1', 'a', '\r', '\n', '\r\n', ' ', ':', '\0', '\xe9', 'x-n: 1\r\n', '12345678901234567890', 'y'.repeat(600)));
    fc.assert(
      fc.property(fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }), (variants) => {
        const reader = new RequestReader(LIMITS);
        expect(reader.read(bytesOf(first))).not.toBeNull();
        for (const edits of variants) {
          const text = edits.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), `${first}{}`);
          expect(reader.read(bytesOf(text))).toEqual(parseRequestHead(bytesOf(text), LIMITS));
        }
        expect(reader.read(bytesOf(first))).toEqual(parseRequestHead(bytesOf(first), LIMITS));
      }),
      { numRuns: 5_000 },
    );
  });

  it('keeps nothing of the buffer that it was given', () => {
    const reader = new RequestReader(LIMITS);
    const bytes = bytesOf('GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: 1\r\n\r\n');
    const before = reader.read(bytes);
    bytes.fill(0);
    expect(before).toMatchObject({ url: '/v1/models', headers: { host: 'x', 'x-a': '1' } });
    expect(reader.read(bytesOf('GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: 22\r\n\r\n'))).toMatchObject({ headers: { host: 'x', 'x-a': '22' }, end: 45 });
  });

  it('shares nothing between the heads that it gives', () => {
    const reader = new RequestReader(LIMITS);
    const bytes = bytesOf('GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: 1\r\n\r\n');
    for (let i = 0; i < 3; i++) {
      const { headers } = reader.read(bytes)!;
      expect(headers).toEqual({ host: 'x', 'x-a': '1' });
      Object.assign(headers, { host: 'evil' });
    }
  });
});
