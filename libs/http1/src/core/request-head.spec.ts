import fc from 'fast-check';
import { type RequestHead, parseRequestHead } from './request-head.js';

const LIMITS = { maxBytes: 16 * 1024, maxFields: 100 };
const parse = (text: string, limits = LIMITS): RequestHead | null => parseRequestHead(Buffer.from(text, 'latin1'), limits);
const post = (...lines: string[]): string => `POST /v1/chat/completions HTTP/1.1\r\n${['Host: x', 'Content-Length: 2', ...lines].join('\r\n')}\r\n\r\n{}`;

describe('parseRequestHead', () => {
  it('reads a head as node:http tells it', () => {
    const text = 'POST /v1/embeddings?a=%20 HTTP/1.1\r\nHost: api\r\nX-Apex-Tags:   a, b  \r\nContent-Length:17\r\nCookie:\r\nx-l1: caf\xe9\r\n\r\n{"model":"gpt-4"}';
    expect(parse(text)).toEqual({
      method: 'POST',
      url: '/v1/embeddings?a=%20',
      headers: { host: 'api', 'x-apex-tags': 'a, b', 'content-length': '17', cookie: '', 'x-l1': 'caf\xe9' },
      bodyLength: 17,
      close: false,
      end: text.indexOf('{'),
    });
    expect(parse('GET /v1/models HTTP/1.1\r\nhost:\r\n\r\n')).toMatchObject({ method: 'GET', headers: { host: '' }, bodyLength: 0 });
  });

  it.each([
    ['close', true],
    ['Close', true],
    ['keep-alive', false],
    ['Keep-Alive', false],
  ])('connection: %s', (value, close) => {
    expect(parse(post(`Connection: ${value}`))?.close).toBe(close);
  });

  it.each<[name: string, text: string]>([
    ['nothing', ''],
    ['half a head', 'GET /v1/models HTTP/1.1\r\nHost: x\r\n'],
    ['a head without its last byte', 'GET /v1/models HTTP/1.1\r\nHost: x\r\n\r'],
    ['another method', post().replace('POST', 'PUT')],
    ['a method in lower case', post().replace('POST', 'post')],
    ['absolute-form', post().replace(' /', ' http://x/')],
    ['asterisk-form', 'GET * HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a fragment', post().replace('completions', 'completions#x')],
    ['8 bits in the target', post().replace('completions', 'compl\xe9tions')],
    ['a blank in the target', post().replace('completions', 'a b')],
    ['two blanks', post().replace('POST ', 'POST  ')],
    ['HTTP/1.0', post().replace('HTTP/1.1', 'HTTP/1.0')],
    ['HTTP/1.1 and something', post().replace('HTTP/1.1', 'HTTP/1.1 ')],
    ['an empty line in front', `\r\n${post()}`],
    ['no Host', 'GET /v1/models HTTP/1.1\r\naccept: x\r\n\r\n'],
    ['two Hosts', post('host: y')],
    ['a POST without a length', 'POST /v1/x HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a GET with a length', 'GET /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'],
    ['two lengths, alike', post('content-length: 2')],
    ['a length with a sign', post().replace('Length: 2', 'Length: +2')],
    ['a length in hexadecimal', post().replace('Length: 2', 'Length: 0x2')],
    ['a list of lengths', post().replace('Length: 2', 'Length: 2, 2')],
    ['a length without a digit', post().replace('Length: 2', 'Length: ')],
    ['a length beyond what a number holds', post().replace('Length: 2', 'Length: 9007199254740993')],
    ['transfer-encoding', post('Transfer-Encoding: chunked')],
    ['expect', post('Expect: 100-continue')],
    ['upgrade', post('Connection: Upgrade', 'Upgrade: websocket')],
    ['a list in Connection', post('Connection: keep-alive, close')],
    ['proxy-connection', post('Proxy-Connection: close')],
    ['set-cookie, of which node:http makes a list', post('Set-Cookie: a')],
    ['a header twice', post('x-a: 1', 'X-A: 2')],
    ['__proto__', post('__proto__: x')],
    ['constructor', post('constructor: x')],
    ['a folded header', post('x-a: 1', ' 2')],
    ['a blank before the colon', post('x-a : 1')],
    ['no colon', post('x-a')],
    ['no name', post(': 1')],
    ['8 bits in a name', post('caf\xe9: 1')],
    ['a bare line feed', post('x-a: 1\nx-b: 2')],
    ['a bare carriage return', post('x-a: 1\rx-b: 2')],
    ['a carriage return too many', post('x-a: 1\r')],
    ['NUL', post('x-a: a\0b')],
    ['DEL', post('x-a: \x7f')],
    ['a tab behind a length, which node:http refuses', post().replace('Length: 2', 'Length: 2\t')],
    ['a tab in a value', post('x-a: a\tb')],
    ['another control character', post('x-a: \x1b[0m')],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('leaves to node:http: %s', (_name, text) => {
    expect(parse(text)).toBeNull();
  });

  it('takes heads up to its limits', () => {
    const padded = (size: number): string => {
      const bare = 'GET /v1/models HTTP/1.1\r\nHost: x\r\nx-pad: \r\n\r\n'.length;
      return `GET /v1/models HTTP/1.1\r\nHost: x\r\nx-pad: ${'p'.repeat(size - bare)}\r\n\r\n`;
    };
    expect(parse(`${padded(16 * 1024)}more`)?.end).toBe(16 * 1024);
    expect(parse(padded(16 * 1024 + 1))).toBeNull();
    const fields = (n: number): string => post(...Array.from({ length: n - 2 }, (_, i) => `x-${i}: ${i}`));
    expect(Object.keys(parse(fields(100))?.headers ?? {})).toHaveLength(100);
    expect(parse(fields(101))).toBeNull();
  });

  it('reads long heads as it reads short ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_900, max: 2_200 }), (length) => {
        const text = post(`x-pad: ${'p'.repeat(length)}`, 'x-last: 1');
        expect(parse(text)).toMatchObject({ headers: { 'x-last': '1' }, end: text.length - 2 });
      }),
    );
  });

  it('never takes a part of a head for a head', () => {
    const text = post('authorization: Bearer apex_x', 'x-b: c');
    const end = text.indexOf('\r\n\r\n') + 4;
    for (let length = 0; length < end; length++) expect(parse(text.slice(0, length))).toBeNull();
  });

  it('takes any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => void parseRequestHead(Buffer.concat([Buffer.from('POST /v1/x HTTP/1.1\r\n'), noise, Buffer.from('\r\n\r\n')]), LIMITS)));
  });

  it('tells every header that it was given, as it was given', () => {
    const name = fc.stringMatching(/^[A-Za-z!#$%&'*+\-.^_`|~]{1,20}$/).map((text) => `x-${text}`);
    const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]{0,30}[\x21-\x7e\x80-\xff])?)?$/);
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key.toLowerCase(), maxLength: 20 }), (fields) => {
        const expected = Object.fromEntries(fields.map(([key, text]) => [key.toLowerCase(), text]));
        expect(parse(post(...fields.map(([key, text]) => `${key}:  ${text} `)))?.headers).toEqual({ host: 'x', 'content-length': '2', ...expected });
      }),
    );
  });
});
