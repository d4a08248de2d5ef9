import fc from 'fast-check';
import { type OutgoingRequest, commonHead, formatHead } from './outgoing-head.js';

const common = commonHead('api.example.com');
const format = (more: Partial<OutgoingRequest>): string | null =>
  formatHead({ origin: 'http://x', path: '/', method: 'GET', headers: {}, body: null, firstByteTimeoutMs: 1, idleTimeoutMs: 1, ...more }, common);

describe('formatHead', () => {
  it('writes the head as it is given, with what every request says', () => {
    expect(format({ method: 'POST', path: '/v1/x?y=z', headers: { 'X-One': '1', accept: '*/*' }, body: Buffer.from('hello') })).toBe(
      'POST /v1/x?y=z HTTP/1.1\r\nhost: api.example.com\r\nconnection: keep-alive\r\nX-One: 1\r\naccept: */*\r\ncontent-length: 5\r\n\r\n',
    );
    expect(format({ headers: ['a', '1', 'A', '2'] })).toBe('GET / HTTP/1.1\r\nhost: api.example.com\r\nconnection: keep-alive\r\na: 1\r\nA: 2\r\n\r\n');
  });

  it('says a length wherever a body could be', () => {
    for (const method of ['POST', 'PUT', 'PATCH'] as const) expect(format({ method })).toMatch(/\r\ncontent-length: 0\r\n\r\n$/);
    for (const method of ['GET', 'HEAD', 'DELETE'] as const) expect(format({ method })).not.toContain('content-length');
    expect(format({ method: 'DELETE', body: Buffer.from('x') })).toMatch(/\r\ncontent-length: 1\r\n\r\n$/);
  });

  it.each([
    { path: '' }, { path: 'x' }, { path: '/a b' }, { path: '/a\r\nb' }, { path: '/a\n' }, { path: '/\u00e9' }, { path: '/\0' }, { path: 'http://other/' }, { path: '*' },
    { method: 'CONNECT' as 'GET' }, { method: 'get' as 'GET' }, { method: 'GET / HTTP/1.1\r\nx: y\r\n' as 'GET' },
    { headers: { 'x y': 'z' } }, { headers: { '': 'z' } }, { headers: { 'x:': 'z' } }, { headers: { 'x\r\ny': 'z' } }, { headers: { '\u00e9': 'z' } },
    { headers: { x: 'a\r\nb: c' } }, { headers: { x: 'a\n' } }, { headers: { x: 'a\rb' } }, { headers: { x: '\0' } }, { headers: { x: '\u0100' } }, { headers: { x: '\u010d\u010a' } }, { headers: { x: '\x7f' } },
    { headers: { x: 1 as unknown as string } }, { headers: { x: ['a'] as unknown as string } }, { headers: { x: undefined as unknown as string } }, { headers: ['x'] }, { headers: ['x', 'a\r\nb: c'] },
    ...['Connection', 'content-length', 'Expect', 'HOST', 'HTTP2-Settings', 'keep-alive', 'proxy-connection', 'TE', 'trailer', 'Transfer-Encoding', 'upgrade'].map((name) => ({ headers: { [name]: 'x' } })),
  ])('declines %j', (request) => {
    expect(format(request)).toBeNull();
    // Names that were judged once are judged alike.
    expect(format(request)).toBeNull();
  });

  it('writes exactly the lines that were asked for, or nothing', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'B', '-', ' ', ':', '\r', '\n', '\0', '\t', '\u00e9', '\u010a'), maxLength: 6 });
    fc.assert(
      fc.property(text, fc.array(fc.tuple(text, text), { maxLength: 4 }), (path, pairs) => {
        const head = format({ path: `/${path}`, headers: pairs.flat() });
        if (head === null) return;
        const lines = head.split(/[\r\n]+/);
        expect(lines).toEqual([`GET /${path} HTTP/1.1`, 'host: api.example.com', 'connection: keep-alive', ...pairs.map(([name, value]) => `${name}: ${value}`), '']);
        expect(Buffer.from(head, 'latin1').toString('latin1')).toBe(head);
      }),
      { numRuns: 2_000 },
    );
  });
});
