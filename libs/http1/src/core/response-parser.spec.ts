import fc from 'fast-check';
import { MAX_HEAD_BYTES, ResponseParser } from './response-parser.js';

interface Read {
  readonly status: number | null;
  readonly headers: Record<string, string | string[]> | null;
  readonly body: string;
  readonly outcome: 'complete' | 'cut' | 'problem';
  readonly problem: string | null;
  readonly keepAlive: boolean | null;
  /** Bytes behind the answer's end. */
  readonly rest: number;
}

/** Reads an answer that comes in `pieces` and then ends, through memory that is used anew for each piece. */
function read(pieces: readonly Buffer[], bodiless = false): Read {
  const parser = new ResponseParser();
  const memory = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)) + 8, 'Z');
  parser.start(bodiless);
  let head = null;
  let body = '';
  let rest = 0;
  for (const piece of pieces) {
    if (parser.complete) {
      rest += piece.length;
      continue;
    }
    if (parser.problem !== null) break;
    piece.copy(memory);
    let from = 0;
    if (head === null) {
      head = parser.readHead(memory, piece.length);
      from = parser.consumed;
    }
    if (head !== null && !parser.complete) {
      parser.readBody(memory, from, piece.length);
      body += memory.toString('latin1', parser.bodyStart, parser.bodyEnd);
    }
    if (parser.complete) rest += piece.length - parser.consumed;
  }
  const outcome = parser.problem !== null ? 'problem' : parser.complete || (head !== null && parser.readEnd()) ? 'complete' : 'cut';
  return { status: head?.status ?? null, headers: head && { ...head.headers }, body, outcome, problem: parser.problem, keepAlive: head?.keepAlive ?? null, rest };
}

const whole = (text: string, bodiless = false): Read => read([Buffer.from(text, 'latin1')], bodiless);
const answer = (lines: string, body = ''): Read => whole(`HTTP/1.1 200 OK\r\n${lines}\r\n${body}`);

describe('heads', () => {
  it('reads status, names in lower case and values without the blanks around them', () => {
    const { status, headers, keepAlive } = whole('HTTP/1.1 404 Not  Found\r\nContent-Type:text/plain\r\nX-Empty:\r\nX-Blank: \t \r\nX-Long: \t a  b\t\r\ncontent-length: 0\r\n\r\n');
    expect(status).toBe(404);
    expect(headers).toEqual({ 'content-type': 'text/plain', 'x-empty': '', 'x-blank': '', 'x-long': 'a  b', 'content-length': '0' });
    expect(keepAlive).toBe(true);
  });

  it('takes a name for what it is, whatever stood in its place in the answer before', () => {
    // Names that begin like others, or are others but for their case.
    const name = fc.constantFrom('x', 'X', 'x-a', 'x-ab', 'X-A', 'x-b', 'y', 'content-type', 'Content-Type', 'content', `z${'z'.repeat(70)}`);
    const line = fc.tuple(name, fc.constantFrom('', '1', 'x: y', ':'));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(line, { maxLength: 8 }), fc.option(fc.constantFrom('x', 'x-a ', 'x-', ' x: 1', 'x-a\0: 1', '', ': 1', 'x-a\t:'))), { minLength: 2, maxLength: 6 }), (heads) => {
        for (const [lines, bad] of heads) {
          const expected: Record<string, string[]> = {};
          for (const [raw, value] of lines) (expected[raw.toLowerCase()] ??= []).push(value);
          const text = [...lines.map(([raw, value]) => `${raw}: ${value}`), ...(bad === null ? [] : [bad, 'x: 1'])].map((one) => `${one}\r\n`).join('');
          const { headers, problem } = whole(`HTTP/1.1 204 No Content\r\n${text}\r\n`);
          if (bad === null) expect(headers).toEqual(Object.fromEntries(Object.entries(expected).map(([key, values]) => [key, values.length === 1 ? values[0] : values])));
          // An empty line is the head's end.
          else if (bad !== '') expect(problem).not.toBeNull();
        }
      }),
    );
  });

  it('gives a name that came more than once all its values, and inherits nothing', () => {
    const { headers } = answer('Set-Cookie: a\r\nset-cookie: b\r\nSET-COOKIE: c\r\nconstructor: x\r\n__proto__: y\r\nx: \xe9\xff\r\ncontent-length: 0\r\n');
    expect(Object.entries(headers!)).toEqual([['set-cookie', ['a', 'b', 'c']], ['constructor', 'x'], ['__proto__', 'y'], ['x', '\xe9\xff'], ['content-length', '0']]);
  });

  it.each(['HTTP/1.1 200 \r\n\r\n', 'HTTP/1.1 200\r\n\r\n', 'HTTP/1.1 200\r\nx: y\r\n\r\n', 'HTTP/1.1 999 \xfcber\tall\r\n\r\n'])('takes the status line of %j', (text) => {
    expect(whole(text).outcome).toBe('complete');
  });

  it.each([
    'HTTP/1.1 200\nx: y\n\n', 'HTTP/1.1 200 OK\nx: y\r\n\r\n', 'HTTP/1.1 200 OK\r\nx: y\n\r\n\r\n', 'HTTP/1.1 200 OK\r\r\n\r\n', 'HTTP/1.1 200 OK\r\nx: y\rz\r\n\r\n',
    '\r\nHTTP/1.1 200 OK\r\n\r\n', ' HTTP/1.1 200 OK\r\n\r\n', 'http/1.1 200 OK\r\n\r\n', 'HTTP/2.0 200 OK\r\n\r\n', 'HTTP/1.2 200 OK\r\n\r\n', 'HTTP/0.9 200 OK\r\n\r\n', 'HTTP/1.1  200 OK\r\n\r\n', 'HTTP/1.1\t200 OK\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n', 'HTTP/1.1 2000 OK\r\n\r\n', 'HTTP/1.1 099 OK\r\n\r\n', 'HTTP/1.1 2x0 OK\r\n\r\n', 'HTTP/1.1 200OK\r\n\r\n', 'HTTP/1.1 200 O\0K\r\n\r\n', 'HTTP/1.1 200 O\x7fK\r\n\r\n', 'ICY 200 OK\r\n\r\n', 'HTTP/1.1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx y: z\r\n\r\n', 'HTTP/1.1 200 OK\r\nx : z\r\n\r\n', 'HTTP/1.1 200 OK\r\n: z\r\n\r\n', 'HTTP/1.1 200 OK\r\nx\r\n\r\n', 'HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n', 'HTTP/1.1 200 OK\r\n\tx: y\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n', 'HTTP/1.1 200 OK\r\nx: a\x0bb\r\n\r\n', 'HTTP/1.1 200 OK\r\nx\xe9: y\r\n\r\n', 'HTTP/1.1 200 OK\r\n"x": y\r\n\r\n', 'HTTP/1.1 200 OK\r\nx[]: y\r\n\r\n', 'HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n',
  ])('refuses %j', (text) => {
    expect(whole(text)).toMatchObject({ status: null, outcome: 'problem' });
  });

  it('passes over heads that come before the head', () => {
    expect(whole('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-length: 9\r\n\r\nHTTP/1.1 204 No\r\nx: y\r\n\r\n')).toMatchObject({ status: 204, headers: { x: 'y' }, outcome: 'complete' });
  });

  it('bounds heads, one by one and together', () => {
    const padded = (status: string, size: number): string => `HTTP/1.1 ${status}\r\nx: ${'y'.repeat(size - 12 - 5 - 4)}\r\n\r\n`;
    expect(whole(padded('204', MAX_HEAD_BYTES))).toMatchObject({ outcome: 'complete' });
    expect(whole(padded('204', MAX_HEAD_BYTES + 1))).toMatchObject({ outcome: 'problem' });
    expect(whole(padded('103', MAX_HEAD_BYTES - 100) + padded('204', 100))).toMatchObject({ outcome: 'complete' });
    expect(whole(padded('103', MAX_HEAD_BYTES - 100) + padded('204', 101))).toMatchObject({ outcome: 'problem' });
  });

  it.each([
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n', true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: Keep-Alive\r\n', true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: closed\r\n', true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: CLOSE\r\n', false],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: x,\tclose\r\n', false],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: x\r\nconnection: close\r\n', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\n', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n', false],
    ['HTTP/1.1 200 OK\r\n', false],
    ['HTTP/1.1 304 Not Modified\r\n', true],
  ])('%j: the connection stays: %s', (head, keepAlive) => {
    expect(whole(`${head}\r\n`).keepAlive).toBe(keepAlive);
  });

  it.each([
    ['timeout=5', 5_000], ['timeout=5, max=100', 5_000], ['max=7, Timeout = 60', 60_000], ['timeout=0', 0], ['timeout', null], ['timeout=x', null], ['xtimeout=5', null], ['timeout=12345678', null],
  ])('keep-alive: %s', (value, hintMs) => {
    const parser = new ResponseParser();
    const bytes = Buffer.from(`HTTP/1.1 204 No\r\nkeep-alive: ${value}\r\n\r\n`);
    parser.start(false);
    expect(parser.readHead(bytes, bytes.length)?.keepAliveHintMs).toBe(hintMs);
  });
});

describe('lengths', () => {
  it('ends where the content-length says, and tells what comes behind', () => {
    expect(answer('content-length: 5\r\n', 'hello')).toMatchObject({ body: 'hello', outcome: 'complete', rest: 0 });
    expect(answer('content-length: 005\r\n', 'helloHTTP/1.1')).toMatchObject({ body: 'hello', outcome: 'complete', rest: 8 });
    expect(answer('content-length: 6\r\n', 'hello')).toMatchObject({ body: 'hello', outcome: 'cut' });
    expect(answer('content-length: 5\r\nContent-Length: 5\r\n', 'hello')).toMatchObject({ body: 'hello', outcome: 'complete' });
  });

  it('reads until the end of the connection where nothing else is said', () => {
    expect(answer('', 'hello')).toMatchObject({ body: 'hello', outcome: 'complete', keepAlive: false });
    expect(whole('HTTP/1.0 200 OK\r\n\r\nhello')).toMatchObject({ body: 'hello', outcome: 'complete' });
  });

  it('knows the answers without a body', () => {
    for (const status of [204, 304]) expect(whole(`HTTP/1.1 ${status} X\r\ncontent-length: 5\r\n\r\n`)).toMatchObject({ body: '', outcome: 'complete' });
    expect(whole('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', true)).toMatchObject({ body: '', outcome: 'complete', keepAlive: true });
    expect(whole('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx', true)).toMatchObject({ body: '', outcome: 'complete', rest: 1 });
  });

  it.each([
    'content-length: \r\n', 'content-length: -1\r\n', 'content-length: +1\r\n', 'content-length: 1.0\r\n', 'content-length: 0x1\r\n', 'content-length: 1 1\r\n', 'content-length: 1, 1\r\n', 'content-length: 1e1\r\n', 'content-length: 1234567890123456\r\n',
    'content-length: 1\r\ncontent-length: 2\r\n', 'content-length: 1\r\ncontent-length: 01\r\n', 'content-length: x\r\ncontent-length: x\r\n',
    'transfer-encoding: chunked\r\ncontent-length: 1\r\n', 'content-length: 1\r\ntransfer-encoding: chunked\r\n', 'transfer-encoding: gzip, chunked\r\n', 'transfer-encoding: chunked, chunked\r\n', 'transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n',
    'transfer-encoding: identity\r\n', 'transfer-encoding: xchunked\r\n', 'transfer-encoding: chunked;x\r\n', 'transfer-encoding:\r\n',
  ])('refuses %j', (lines) => {
    expect(answer(lines, '1\r\nx\r\n0\r\n\r\n')).toMatchObject({ status: null, outcome: 'problem' });
    expect(whole(`HTTP/1.1 204 No\r\n${lines}\r\n`).outcome).toBe('problem');
  });

  it('refuses chunks in HTTP/1.0', () => {
    expect(whole('HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n').outcome).toBe('problem');
  });
});

describe('chunks', () => {
  const chunked = (body: string): Read => answer('transfer-encoding: Chunked\r\n', body);

  it.each([
    ['0\r\n\r\n', ''],
    ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['0005\r\nhello\r\n000\r\n\r\n', 'hello'],
    ['5\r\nhello\r\n1\r\n \r\nA\r\nworld\r\n0\r\n\r\n0\r\n\r\n', 'hello world\r\n0\r\n'],
    [`1a\r\n${'a'.repeat(26)}\r\n1A\r\n${'b'.repeat(26)}\r\n0\r\n\r\n`, 'a'.repeat(26) + 'b'.repeat(26)],
    ['5;a\r\nhello\r\n0;b="c;\\"d";e=f\r\n\r\n', 'hello'],
    ['5\r\nhello\r\n0\r\nx-one: 1\r\nx-two:\r\n\r\n', 'hello'],
  ])('decodes %j', (body, decoded) => {
    expect(chunked(body)).toMatchObject({ body: decoded, outcome: 'complete', rest: 0 });
  });

  it.each(['5\r\nhel', '5\r\nhello', '5\r\nhello\r\n', '5\r\nhello\r\n0\r\n', '5\r\nhello\r\n0\r\nx: y\r\n', '5', '5;x'])('is cut after %j', (body) => {
    expect(chunked(body).outcome).toBe('cut');
  });

  it.each([
    'zz\r\n', '\r\n', '5\nhello\n', '5\r\nhello\n0\r\n\r\n', '5\r\nhelloX\r\n', '5\r\nhello\r\r\n', '5 \r\nhello\r\n', ' 5\r\nhello\r\n', '+5\r\nhello\r\n', '0x5\r\nhello\r\n', '-1\r\n', '5;\r\nhello\r\n', '5; a\r\nhello\r\n', '5;a=\r\nhello\r\n', '5;a="b\r\nhello\r\n', '5;a\nhello\r\n', '5;a\0\r\nhello\r\n',
    '12345678901234\r\n', '5\rX', '0\r\nx\r\n\r\n', '0\r\n x: y\r\n\r\n', '0\r\nx : y\r\n\r\n', '0\r\nx: y\n\r\n', '0\r\nx: \0\r\n\r\n', '0\r\n\n', '0\r\n\rX',
  ])('refuses %j', (body) => {
    expect(chunked(body).outcome).toBe('problem');
  });

  it('tells what precedes a problem', () => {
    expect(chunked('5\r\nhello\r\n5\r\nworld\r\nzz\r\n')).toMatchObject({ body: 'helloworld', outcome: 'problem' });
  });

  it('bounds extensions and trailers', () => {
    expect(chunked(`5;a=${'b'.repeat(4_000)}\r\nhello\r\n0\r\nx: ${'y'.repeat(8_000)}\r\n\r\n`).outcome).toBe('complete');
    expect(chunked(`5;a=${'b'.repeat(4_100)}\r\nhello\r\n0\r\n\r\n`).outcome).toBe('problem');
    expect(chunked(`0\r\n${'x: y\r\n'.repeat(2_100)}\r\n`).outcome).toBe('problem');
    expect(chunked(`0\r\nx: ${'y'.repeat(9_000)}`).outcome).toBe('problem');
  });
});

describe('pieces', () => {
  const samples = [
    'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nx: y\r\nx: z\r\n\r\nhello worldmore',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n1E\r\nabcdefghijklmnopqrstuvwxyz0123\r\n0\r\ntrailer: x\r\n\r\nmore',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc\r\nzz\r\n',
    'HTTP/1.1 200 OK\r\nbad line\r\n\r\n', 'HTTP/1.1 200 OK\nx: y\r\n\r\n', 'SSH-2.0-OpenSSH_9.2\r\n', 'HTTP/1.1 200 OK\r\nx: y', 'HTTP/1.0 200 OK\r\nserver: x\r\n\r\nuntil the end',
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(2_000)}\r\ncontent-length: 3\r\n\r\nabc`,
  ];

  /** Which of several problems is named may depend on the cuts; that there is one may not. */
  const nameless = ({ problem, ...read }: Read) => ({ ...read, problem: problem !== null });

  const split = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
    const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
    return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length)).filter((piece) => piece.length > 0);
  };

  it.each(samples)('byte by byte is the same as at once: %#', (text) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(nameless(read(Array.from(bytes, (byte) => Buffer.from([byte]))))).toEqual(nameless(whole(text)));
  });

  it('any cuts, in anything like an answer, read the same', () => {
    const mutated = fc.tuple(fc.constantFrom(...samples), fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(10, 13, 32, 58, 48))), { maxLength: 3 })).map(([text, edits]) => {
      const bytes = Buffer.from(text, 'latin1');
      for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(mutated, fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (bytes, cuts, bodiless) => {
        expect(nameless(read(split(bytes, cuts), bodiless))).toEqual(nameless(read([bytes], bodiless)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('decodes what an encoder wrote, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 20 }), (chunks, cuts) => {
        const body = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${Buffer.from(chunk).toString('latin1')}\r\n`).join('');
        const bytes = Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body}0\r\n\r\n`, 'latin1');
        expect(read(split(bytes, cuts))).toMatchObject({ body: Buffer.concat(chunks).toString('latin1'), outcome: 'complete', rest: 0 });
      }),
      { numRuns: 500 },
    );
  });

  it('reads one answer after the other on one connection', () => {
    const parser = new ResponseParser();
    for (const text of ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 'HTTP/1.1 204 No\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nxyz']) {
      const bytes = Buffer.from(text);
      parser.start(false);
      const head = parser.readHead(bytes, bytes.length);
      if (!parser.complete) parser.readBody(bytes, parser.consumed, bytes.length);
      expect([head !== null, parser.complete, parser.consumed]).toEqual([true, true, bytes.length]);
    }
  });
});
