import { type Ending } from './server-pair.fakes.js';

/** A run of bytes to be sent to a server, and how. */
export interface Script {
  readonly pieces: readonly Buffer[];
  readonly ending: Ending;
  /** Nothing but canonical requests, none of which asks for the connection's end. */
  readonly clean: boolean;
}

/** Numbers from a seed (mulberry32), so that a case that fails can be had again. */
export class Dice {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const TARGETS = ['/v1/echo', '/v1/echo', '/v1/refuse', '/v1/late', '/v1/large', '/v1/empty', '/v1/stream', '/v1/chat/completions?api-version=1&x=%20y', '/direct/v1/echo', '/other', '/api/v1/late', '/v1/a/../b', '/v1/~x;y=(1)'];
const NAMES = ['accept', 'Accept-Encoding', 'user-agent', 'User-Agent', 'Authorization', 'x-api-key', 'X-Apex-Session', 'cookie', 'content-type', 'x-stainless-lang', 'traceparent', 'te', 'etag', 'date', 'x-1', "x!#$%&'*+.^_`|~", '0', 'constructor', '__proto__', 'toString', 'set-cookie', 'Keep-Alive', 'max-forwards'];
const VALUES = ['', 'a', 'application/json', 'Bearer apex_abcdefghijklmnop', 'a b  c', 'caf\xe9', '\xff\x80', 'x'.repeat(300), '"quoted, text"; q=0.5', ':', 'a: b', '100-continue', 'close'];
const BODIES = ['', '{}', '{"model":"gpt-4o","messages":[]}', 'GET /v1/echo HTTP/1.1\r\nhost: x\r\n\r\n', '\r\n\r\n', '\0\x01\xff', 'y'.repeat(3_000)];

/** A request that the lane may serve, in one of the many ways to write it. */
export function canonical(dice: Dice): string {
  const post = dice.chance(0.7);
  const lines = [`${dice.of(['Host', 'host', 'HOST'])}: ${dice.of(['x', 'localhost:1234', ''])}`];
  const names = new Set<string>();
  for (let n = dice.below(6); n > 0; n--) names.add(dice.of(NAMES.slice(0, 15)));
  for (const name of names) {
    if (![...names].some((other) => other !== name && other.toLowerCase() === name.toLowerCase())) lines.push(`${name}:${dice.of([' ', '', '  '])}${dice.of(VALUES)}${dice.of(['', '', ' ', '  '])}`);
  }
  if (dice.chance(0.3)) lines.push(`Connection: ${dice.of(['keep-alive', 'Keep-Alive', 'close', 'Close'])}`);
  const body = post ? dice.of(BODIES) : '';
  if (post) lines.push(`${dice.of(['Content-Length', 'content-length'])}: ${dice.chance(0.05) ? '0' : ''}${body.length}`);
  // Order is nothing to a parser.
  for (let i = lines.length - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    [lines[i], lines[j]] = [lines[j]!, lines[i]!];
  }
  return `${post ? 'POST' : 'GET'} ${dice.of(TARGETS)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Another request of the same client: the same head, but for what changes from one to the next. */
function alike(text: string, dice: Dice): string {
  const end = text.indexOf('\r\n\r\n') + 4;
  const head = dice.chance(0.3) ? text.slice(0, end).replace(/^(x-\S+:[ \t]*).*$/im, (_line, name: string) => name + dice.of(VALUES)) : text.slice(0, end);
  if (!text.startsWith('POST')) return head;
  const body = dice.of(BODIES);
  return head.replace(/(content-length: )\d+/i, (_all, name: string) => name + body.length) + body;
}

type Mutation = (text: string, dice: Dice) => string;

const addLine =
  (...lines: string[]): Mutation =>
  (text, dice) => {
    const ends = [...text.slice(0, text.indexOf('\r\n\r\n') + 2).matchAll(/\r\n/g)].map((match) => match.index + 2);
    const at = dice.of(ends);
    return `${text.slice(0, at)}${dice.of(lines)}\r\n${text.slice(at)}`;
  };
const replace =
  (what: string | RegExp, ...by: string[]): Mutation =>
  (text, dice) =>
    text.replace(what, () => dice.of(by));
const insertAnywhere =
  (...what: string[]): Mutation =>
  (text, dice) => {
    const at = dice.below(text.length + 1);
    return text.slice(0, at) + dice.of(what) + text.slice(at);
  };

/** What is done to requests: all that has ever made two parsers disagree, and plain noise. */
export const MUTATIONS: readonly Mutation[] = [
  addLine('content-length: 3', 'Content-Length: 0', 'content-length: 3, 3', 'content-length: +3', 'content-length: -1', 'content-length: 0x3', 'content-length:', 'content-length: 99999999999999999999', 'content-length: 3 3'),
  addLine('transfer-encoding: chunked', 'Transfer-Encoding: identity', 'transfer-encoding: gzip, chunked', 'transfer-encoding:\tchunked', 'transfer-encoding: chunked\r\ntransfer-encoding: x', 'transfer-encoding: xchunked'),
  (text) => text.replace(/content-length: \d+/i, 'transfer-encoding: chunked').replace(/\r\n\r\n([^]*)$/, (_all, body: string) => `\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`),
  addLine('expect: 100-continue', 'Expect: x', 'upgrade: websocket', 'connection: upgrade\r\nupgrade: h2c', 'connection: keep-alive, close', 'connection: x', 'proxy-connection: close', 'connection:', 'http2-settings: x', 'trailer: x-t'),
  addLine('host: y', 'Host:', 'host : y', ' host: y', '\thost: y'),
  addLine('x-a: 1\r\nx-a: 2', 'cookie: a\r\ncookie: b', 'set-cookie: a', 'accept: a\r\nAccept: b', 'user-agent: a\r\nuser-agent: b', '__proto__: x', 'constructor: x', 'hasOwnProperty: y'),
  addLine('x-a: a\tb', 'x-a:\ta', 'x-a: a\t', 'x-a: \t '),
  (text, dice) => text.replace(/^(content-length:) (\d+)/im, (_all, name: string, length: string) => `${name}${dice.of([' ', '\t', ' \t'])}${length}${dice.of(['\t', '\t ', ' \t', ''])}`),
  addLine(' folded', '\tfolded', 'x-a: 1\r\n 2', 'x-a: 1\r\n\t2', 'x-a:\r\n 2'),
  addLine('x a: 1', 'x-a : 1', ': 1', 'x-a', 'x@a: 1', 'x\xe9: 1', 'x(a): 1', 'x-a\0: 1'),
  addLine('x-a: \0', 'x-a: a\0b', 'x-a: a\rb', 'x-a: a\nb', 'x-a: \x7f', 'x-a: \x01', 'x-a: \x1b[0m', 'x-a: \x0b', 'x-a: a\r', 'x-a: a\r\r'),
  addLine(`x-a: ${'b'.repeat(17_000)}`, `x-a: ${'b'.repeat(15_000)}`, ...[40, 101, 400].map((n) => Array.from({ length: n }, (_, i) => `y${i}: ${i}`).join('\r\n')), `${'n'.repeat(5_000)}: x`),
  replace('\r\n', '\n', '\r', '\n\r', '\r\r\n', ' \r\n', '\r\n\r\n'),
  replace('\r\n\r\n', '\n\n', '\r\n\n', '\n\r\n', '\r\n \r\n', '\r\r\n\n'),
  replace(/^\w+/, 'get', 'Post', 'HEAD', 'OPTIONS', 'DELETE', 'BREW', 'PRI', 'CONNECT', 'GET\t', 'POSTX', 'G', 'SOURCE', 'QUERY'),
  replace(' HTTP/1.1', ' HTTP/1.0', ' http/1.1', ' HTTP/1.2', ' HTTP/2.0', '', ' HTTP/1.1 ', '  HTTP/1.1', ' HTTP/01.1', ' HTTP/1.1x', '\tHTTP/1.1', ' ICE/1.0', ' HTTP/1,1'),
  replace(/ \/\S*/, ' http://x/v1/echo', ' *', ' v1/echo', ' //v1/echo', ' /v1/echo#f', ' /v1/\xe9', ' /v1/a b', '  /v1/echo', '\t/v1/echo', ' /v1/\0', ' /v1/"<>{}|^`\\', ' /v1/[x]', ' /', ` /v1/${'l'.repeat(16_500)}`, ` /v1/echo?${'l'.repeat(9_000)}`, ' /v1', ' x:443'),
  replace(/host:[^\r]*\r\n/i, '', 'hos: t\r\n'),
  (text) => `\r\n${text}`,
  (text) => `\r\n\r\n\n${text}`,
  (text) => ` ${text}`,
  (text, dice) => dice.of(['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'P', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\0']) + text,
  insertAnywhere('\0', '\r', '\n', '\r\n', ' ', '\t', ':', '\xff', '\x7f', ',', '\r\n\r\n', 'GET /v1/echo HTTP/1.1\r\n'),
  (text, dice) => {
    const at = dice.below(text.length);
    return text.slice(0, at) + text.slice(at + 1 + dice.below(3));
  },
  (text, dice) => {
    const at = dice.below(text.length);
    return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << dice.below(8))) + text.slice(at + 1);
  },
  (text, dice) => text.slice(0, dice.below(text.length)),
  (text, dice) => text + dice.of(['\r\n', '\n', 'x', '\0', 'GET', ' ']),
  (text, dice) => text.replace(/(content-length: )(\d+)/i, (_all, name: string, length: string) => `${name}${Math.max(0, Number(length) + dice.of([-3, -1, 1, 5, 70_000, 2_000_000]))}`),
];

/** One to three requests, as they are or mutated, cut into pieces in one way or another. */
export function script(dice: Dice): Script {
  let clean = true;
  let before: string | null = null;
  const requests = Array.from({ length: dice.of([1, 1, 1, 2, 3]) }, () => {
    let text = before !== null && dice.chance(0.6) ? alike(before, dice) : canonical(dice);
    before = text;
    const mutations = dice.of([0, 0, 1, 1, 1, 2]);
    if (mutations > 0 || /^connection: close/im.test(text)) clean = false;
    for (let n = mutations; n > 0; n--) text = dice.of(MUTATIONS)(text, dice);
    return text;
  });
  const ending = dice.of<Ending>(['none', 'none', 'none', 'half-close', 'reset']);
  const pieces = dice.chance(0.5) ? [requests.join('')] : dice.chance(0.5) ? requests : requests.flatMap((text) => cut(text, dice));
  return { pieces: pieces.filter((piece) => piece !== '').map((piece) => Buffer.from(piece, 'latin1')), ending, clean };
}

function cut(text: string, dice: Dice): string[] {
  const at = dice.chance(0.4) ? text.indexOf('\r\n\r\n') + 4 : dice.below(text.length);
  return [text.slice(0, at), text.slice(at)];
}
