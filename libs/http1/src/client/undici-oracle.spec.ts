import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { once } from 'node:events';
import fc from 'fast-check';
import { Agent } from 'undici';
import { ResponseParser } from '../core/response-parser.js';
import { HttpClient } from './http-client.js';

/** What a client makes of an answer. Headers and body only of answers that are whole. */
type Verdict =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Record<string, string | string[] | undefined>; readonly body: string }
  /** `reset`: cut; `protocol`: malformed. */
  | { readonly kind: 'reset' | 'protocol' };

interface Served {
  readonly method: 'GET' | 'HEAD';
  readonly bytes: Buffer;
  readonly pieces: readonly Buffer[];
}

/** By the number in the request's path. */
let served: readonly Served[] = [];
let origin: string;
let server: Server;
const sockets = new Set<Socket>();
// A connection for each call: the server closes all of them, and a call would find one that is about to go.
const own = new HttpClient({ connections: 8, connectTimeoutMs: 5_000, keepAliveMs: 0 });
const oracle = new Agent({ connections: 8, pipelining: 0, allowH2: false });

/** Each piece in a turn of its own; then the server closes, so that nothing waits for what will not come. */
function answerWith(socket: Socket, pieces: readonly Buffer[]): void {
  const next = (at: number): void => {
    if (socket.destroyed) return;
    if (at === pieces.length) return void socket.end();
    socket.write(pieces[at]!);
    setImmediate(() => next(at + 1));
  };
  next(0);
}

beforeAll(async () => {
  server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => answerWith(socket, served[Number(/\/(\d+)/.exec(data.toString())![1])]!.pieces));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await Promise.all([own.destroy(), oracle.destroy()]);
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

/** Collects a call's events, and fails the test where they are out of order. */
function witness(): { readonly events: Parameters<HttpClient['call']>[1]; readonly verdict: Promise<Verdict> } {
  const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
  let status = 0;
  let headers: Record<string, string | string[] | undefined> = {};
  let body = '';
  let over = false;
  const inOrder = (isSo: boolean, event: string): void => {
    if (!isSo || over) reject(new Error(`${event} out of order`));
  };
  const finish = (event: string, verdict: Verdict): void => {
    inOrder(true, event);
    over = true;
    // Whatever came behind the end would be in one of the next turns.
    setImmediate(() => resolve(verdict));
  };
  return {
    verdict: promise,
    events: {
      onHead: (code, fields) => {
        inOrder(status === 0, 'head');
        status = code;
        headers = { ...fields };
      },
      onData: (chunk) => {
        inOrder(status !== 0 && chunk.length > 0, 'data');
        body += chunk.toString('latin1');
      },
      onEnd: () => {
        inOrder(status !== 0, 'end');
        finish('end', { kind: 'answer', status, headers, body });
      },
      onFailure: (failure) => finish('failure', failure === 'reset' || failure === 'protocol' ? { kind: failure } : ({ kind: `unexpected ${failure}` } as unknown as Verdict)),
    },
  };
}

function askOwn({ method }: Served, i = 0): Promise<Verdict> {
  const { events, verdict } = witness();
  own.call({ origin, path: `/${i}`, method, headers: {}, body: null, firstByteTimeoutMs: 20_000, idleTimeoutMs: 20_000 }, events);
  return verdict;
}

function askOracle({ method }: Served): Promise<Verdict> {
  const { events, verdict } = witness();
  oracle.dispatch(
    { origin, path: '/0', method, headersTimeout: 20_000, bodyTimeout: 20_000 },
    {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, status, headers) => {
        if (status >= 200) events.onHead(status, headers as Record<string, string>);
      },
      onResponseData: (_controller, chunk) => {
        if (chunk.length > 0) events.onData(chunk);
      },
      onResponseEnd: () => events.onEnd(),
      onResponseError: (_controller, error) => events.onFailure(isCut(error) ? 'reset' : 'protocol'),
    },
  );
  return verdict;
}

const isCut = (error: Error): boolean =>
  ('code' in error && (error.code === 'UND_ERR_SOCKET' || error.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || error.code === 'ECONNRESET')) || error.message.includes('Invalid EOF state');

/** Why our parser refuses the answer, or null. */
function problemOf({ method, bytes }: Served): string | null {
  const parser = new ResponseParser();
  parser.start(method === 'HEAD');
  const copy = Buffer.from(bytes);
  const head = parser.readHead(copy, copy.length);
  if (head !== null && !parser.complete) parser.readBody(copy, parser.consumed, copy.length);
  return parser.problem;
}

const word = fc.constantFrom('a', 'text/plain', 'close', 'keep-alive', 'x=1; y="z"', '', '0', 'gzip');
const field = fc.tuple(fc.constantFrom('X-One', 'x-two', 'Set-Cookie', 'set-cookie', 'Content-Type', 'Connection', 'Server', 'Keep-Alive', 'Trailer', 'constructor'), word).map(([name, value]) => `${name}: ${value}\r\n`);
const text = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n', ' ', '0', '\xe9', 'HTTP/1.1 '), maxLength: 40 });
const chunk = fc.tuple(text.filter((data) => data !== ''), fc.constantFrom('', '', '', ';a', ';a=b', ';a="b c"', ';a;b=1'), fc.boolean()).map(([data, extension, upper]) => {
  const size = data.length.toString(16);
  return `${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`;
});
const framed = fc.oneof(
  text.map((body) => ({ lines: `Content-Length: ${body.length}\r\n`, body })),
  fc.tuple(text, fc.integer({ min: -3, max: 3 })).map(([body, off]) => ({ lines: `content-length: ${Math.max(0, body.length + off)}\r\n`, body })),
  fc.tuple(fc.array(chunk, { maxLength: 5 }), fc.array(fc.constantFrom('x: y\r\n', 'Trailer-Two: \r\n'), { maxLength: 2 }), fc.constantFrom('chunked', 'Chunked')).map(([chunks, trailers, coding]) => ({ lines: `Transfer-Encoding: ${coding}\r\n`, body: `${chunks.join('')}0\r\n${trailers.join('')}\r\n` })),
  text.map((body) => ({ lines: '', body })),
);
const wellFormed = fc
  .record({
    interim: fc.array(fc.constantFrom('HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'), { maxLength: 2 }),
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
    status: fc.constantFrom('200', '200', '200', '201', '204', '206', '301', '304', '400', '404', '429', '500', '529', '599'),
    reason: fc.constantFrom(' OK', ' ', ' Not at  all', ''),
    before: fc.array(field, { maxLength: 3 }),
    framed,
    after: fc.array(field, { maxLength: 3 }),
    more: fc.constantFrom('', '', '', 'x', 'HTTP/1.1 200 OK\r\n\r\n'),
  })
  .map(({ interim, version, status, reason, before, framed: { lines, body }, after, more }) => `${interim.join('')}${version} ${status}${reason}\r\n${before.join('')}${lines}${after.join('')}\r\n${body}${more}`);

/** Sentences that a careless server, or a malicious one, says. */
const odd = fc.constantFrom(
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'HTTP/1.1 200 OK\r\nX: y\r\n folded\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', '\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n', 'ICY 200 OK\r\n\r\n', 'SSH-2.0-OpenSSH\r\n', '', 'HTTP/1.1',
);
const special = fc.constantFrom('\r', '\n', '\r\n', '\0', ' ', '\t', ':', ';', ',', '"', '=', '0', '9', 'f', 'g', 'Z', '\x7f', '\xff', '-');
const edit = fc.tuple(fc.nat(), fc.constantFrom('replace', 'insert', 'delete', 'swap'), special);
const answer = fc
  .record({
    text: fc.oneof({ weight: 8, arbitrary: wellFormed }, { weight: 1, arbitrary: odd }),
    edits: fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: fc.array(edit, { maxLength: 3 }) }),
    cut: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat() }),
    cuts: fc.array(fc.nat(), { maxLength: 6 }),
    method: fc.constantFrom('GET' as const, 'GET' as const, 'GET' as const, 'HEAD' as const),
  })
  .map(({ text: original, edits, cut, cuts, method }): Served => {
    let mutated = original;
    for (const [place, kind, character] of edits) {
      const at = place % (mutated.length + 1);
      if (kind === 'swap') mutated = mutated.slice(0, at) + mutated.slice(at + 1, at + 2) + mutated.slice(at, at + 1) + mutated.slice(at + 2);
      else mutated = mutated.slice(0, at) + (kind === 'delete' ? '' : character) + mutated.slice(kind === 'insert' ? at : at + 1);
    }
    if (cut !== null) mutated = mutated.slice(0, cut % (mutated.length + 1));
    const bytes = Buffer.from(mutated, 'latin1');
    const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
    return { method, bytes, pieces: [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length)).filter((piece) => piece.length > 0) };
  });

/**
 * Where undici gives an answer and we see a malformed one: what RFC 9112 forbids and another reader of the same bytes
 * could take for something else. Nothing else may be on this list.
 */
const STRICTER = new Set([
  'transfer-encoding in HTTP/1.0',
  'a transfer-encoding other than chunked',
  // HTTP/0.9, HTTP/2.0, RTSP; empty lines before it.
  'not a status line of HTTP/1.0 or 1.1',
  // undici lets control characters pass in a reason.
  'a byte that no line may hold',
  // `;name=` without a value.
  'a malformed chunk extension',
]);

/** Where it is the other way round: the same length twice, which RFC 9112, section 6.3, lets a recipient accept. */
const saysLengthTwice = ({ headers }: Verdict & { kind: 'answer' }): boolean => Array.isArray(headers['content-length']);

/** And a 100 that nobody asked for, or any 1xx of HTTP/1.0, which undici takes for a defect; RFC 9110, section 15.2, has a client pass over it. */
const saysContinue = ({ bytes }: Served): boolean => /^HTTP\/1\.(?:[01] 100|0 1\d\d)/m.test(bytes.toString('latin1'));

/** And blanks behind a length, which RFC 9110, section 5.5, excludes from the value. */
const saysLengthAndBlank = ({ bytes }: Served): boolean => /^content-length:[ \t]*\d+[ \t]+\r/im.test(bytes.toString('latin1'));

/** undici leaves blanks at the end of a value; RFC 9112, section 5, has them excluded. */
function trimmed(verdict: Verdict): Verdict {
  if (verdict.kind !== 'answer') return verdict;
  const trim = (value: string): string => value.replace(/[ \t]+$/, '');
  return { ...verdict, headers: Object.fromEntries(Object.entries(verdict.headers).map(([name, value]) => [name, Array.isArray(value) ? value.map(trim) : trim(value ?? '')])) };
}

describe('HttpClient beside undici', () => {
  it('makes the same of every answer, or refuses it for a reason that is on the list', async () => {
    const agreed = { answer: 0, failure: 0 };
    await fc.assert(
      fc.asyncProperty(answer, async (sample) => {
        served = [sample];
        const mine = await askOwn(sample);
        const theirs = trimmed(await askOracle(sample));
        if (mine.kind === 'answer' && theirs.kind === 'answer') {
          expect(mine).toEqual(theirs);
          agreed.answer++;
        } else if (mine.kind === 'answer') expect(saysLengthTwice(mine) || saysContinue(sample) || saysLengthAndBlank(sample)).toBe(true);
        else if (theirs.kind === 'answer') expect([mine.kind, STRICTER.has(problemOf(sample) ?? '')]).toEqual(['protocol', true]);
        else agreed.failure++;
      }),
      // A fixed seed: what the two make of answers that no server sends differs once in tens of thousands.
      { numRuns: 1_200, seed: 20_261_123 },
    );
    // A generator whose answers nobody can read would prove nothing.
    expect(agreed.answer).toBeGreaterThan(300);
    expect(agreed.failure).toBeGreaterThan(200);
  });

  it('takes 100 Continue for what it is, which undici does not', async () => {
    const bytes = Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello');
    const sample: Served = { method: 'GET', bytes, pieces: [bytes] };
    served = [sample];
    expect(await askOwn(sample)).toEqual({ kind: 'answer', status: 200, headers: { 'content-length': '5' }, body: 'hello' });
    expect(await askOracle(sample)).toEqual({ kind: 'reset' });
  });
});

describe('HttpClient beside its parser', () => {
  it('ends every call once, and as the bytes say, however they are mutated and cut', async () => {
    served = fc.sample(answer, 4_000);
    const wrong: string[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < served.length; i = next++) {
        const sample = served[i]!;
        const { kind } = await askOwn(sample, i);
        if ((problemOf(sample) !== null) !== (kind === 'protocol')) wrong.push(`${kind}: ${JSON.stringify(sample.bytes.toString('latin1'))}`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect(wrong).toEqual([]);
    expect(Object.values(own.stats()).filter(({ running, waiting }) => running + waiting > 0)).toEqual([]);
  });
});
