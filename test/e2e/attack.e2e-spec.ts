import { connect, type Socket } from 'node:net';
import { Dice, MUTATIONS, type Script } from '../../libs/http1/src/server/requests.fakes.js';
import { type Apex, startApex } from './support/apex.js';
import { rss } from './support/rss.js';
import { eventually } from '../support/eventually.js';

const REQUESTS = Number(process.env['APEX_ATTACK_REQUESTS'] ?? 3_000);
const SEED = Number(process.env['APEX_ATTACK_SEED'] ?? 20_261_123);
const AT_ONCE = 128;
/** So long a sender waits for an answer before it says that nothing more comes: node:http gives none to who has half-closed. */
const PATIENCE_MS = 100;
/** Longer than anything here is to take, and shorter than every time-out of Apex: who is still connected then hangs. */
const HANG_MS = 30_000;
const MIB = 1024 * 1024;

let apex: Apex;

beforeAll(async () => {
  apex = await startApex({ env: { APEX_MAX_BODY_BYTES: String(MIB) } });
}, 90_000);

afterAll(() => apex.close(), 60_000);

const ask = (text: string): Promise<Response> => apex.post('/v1/chat/completions', { model: 'gpt-4o-mini', messages: [{ role: 'user', content: text }] });

const PATHS = ['/v1/chat/completions', '/v1/chat/completions', '/v1/messages', '/v1/responses', '/v1/embeddings', '/direct/v1/chat/completions', '/v1/models', '/api/usage', '/api/auth/login'];

/** Bodies that are good for some surface, until something is done to them. */
function body(dice: Dice): string {
  const content = dice.of(['Hi', 'caf\\u00e9', '\\ud83d', 'x'.repeat(2_000), '{"role":"user"}', '\\u0000']);
  const members = [
    `"model":"${dice.of(['gpt-4o-mini', 'gpt-4o-mini', 'gpt-4o-mini', 'claude-haiku-4-5', 'anthropic/claude-haiku-4-5', '../..', 'nobody'])}"`,
    `"${dice.of(['messages', 'messages', 'input'])}":[{"role":"user","content":"${content}"}]`,
    `"max_tokens":${dice.of(['8', '8', '8', '1e9', '-1', '1e999', '"8"', '0.5'])}`,
  ];
  if (dice.chance(0.4)) members.push('"stream":true');
  if (dice.chance(0.2)) members.push(dice.of(['"temperature":0', '"n":3', '"tools":[{}]', '"model":"gpt-4o"', '"stream":1', '"stop":[[[[]]]]', '"__proto__":{"x":1}', '"metadata":{"a":"b"}']));
  return `{${members.join(',')}}`;
}

const JSON_MUTATIONS: readonly ((text: string, dice: Dice) => string)[] = [
  (text, dice) => text.slice(0, dice.below(text.length)),
  (text, dice) => text.replace(/[{}[\],:"]/g, (mark) => (dice.chance(0.05) ? dice.of(['', '{', '}', '[', ']', ',', ':', '"']) : mark)),
  (text, dice) => text.replace('"Hi"', '['.repeat(dice.of([10, 2_000, 50_000]))),
  (text) => text.replace('"Hi"', `${'['.repeat(20_000)}${']'.repeat(20_000)}`),
  (text, dice) => text.replace(/\d+/g, () => dice.of(['1e400', '-0', '01', '0x1', 'NaN', '9'.repeat(400), '1.'])),
  (text, dice) => {
    const at = dice.below(text.length);
    return text.slice(0, at) + String.fromCharCode(dice.below(256)) + text.slice(at + 1);
  },
  (text) => `\xef\xbb\xbf${text}`,
  (text, dice) => text + dice.of([text, '\0', 'x', ' '.repeat(70_000)]),
];

/** One request of a customer who has a key and means no good. */
function attack(dice: Dice): Script {
  let json = body(dice);
  for (let n = dice.of([0, 0, 0, 1, 1, 2]); n > 0; n--) json = dice.of(JSON_MUTATIONS)(json, dice);
  const chunked = dice.chance(0.2);
  const framed = chunked ? `${dice.chance(0.9) ? json.length.toString(16) : dice.of(['-1', 'ffffffffffffffff', 'zz', '0x5'])}${dice.of(['', '', ';ext=1', ';'])}\r\n${json}${dice.of(['\r\n0\r\n\r\n', '\r\n0\r\n\r\n', '\r\n0\r\nx-t: 1\r\n\r\n', '0\r\n\r\n', '\r\n'])}` : json;
  const length = chunked ? 'transfer-encoding: chunked' : `content-length: ${json.length + dice.of([0, 0, 0, 0, 0, 0, 0, -1, 1, 2_000_000])}`;
  let text = `${dice.of(['POST', 'POST', 'POST', 'POST', 'POST', 'GET', 'DELETE'])} ${dice.of(PATHS)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${dice.chance(0.9) ? apex.apiKey : 'apex_no'}\r\ncontent-type: application/json\r\n${length}\r\n\r\n${framed}`;
  for (let n = dice.of([0, 0, 0, 1, 1, 2]); n > 0; n--) text = dice.of(MUTATIONS)(text, dice);
  const at = dice.below(text.length + 1);
  const pieces = dice.chance(0.6) ? [text] : [text.slice(0, at), text.slice(at)];
  return { pieces: pieces.filter((piece) => piece !== '').map((piece) => Buffer.from(piece, 'latin1')), ending: dice.chance(0.2) ? 'reset' : 'half-close', clean: false };
}

interface End {
  readonly hung: boolean;
  readonly statuses: readonly number[];
}

/** Sends it, says that nothing more comes, and waits for the connection's end. */
function play({ pieces, ending }: Script): Promise<End> {
  const { hostname, port } = new URL(apex.baseUrl);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    const timer = setTimeout(() => finish(true), HANG_MS);
    const finish = (hung: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ hung, statuses: [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1])) });
    };
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => finish(false));
    const write = (index: number): void => {
      const piece = pieces[index];
      if (piece !== undefined) return void socket.write(piece, () => setImmediate(write, index + 1));
      if (ending === 'reset') socket.resetAndDestroy();
      else setTimeout(() => socket.end(), PATIENCE_MS);
    };
    socket.on('connect', () => write(0));
  });
}

describe('whatever is sent', () => {
  it(
    'has an end, kills nothing, and is nobody\'s fault but the sender\'s',
    async () => {
      const statuses = new Map<number, number>();
      const hung: number[] = [];
      const failed: number[] = [];
      let next = 0;
      const before = rss(apex.pid);
      const { pid } = apex;
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let i = next++; i < REQUESTS; i = next++) {
            const end = await play(attack(new Dice(SEED + i)));
            if (end.hung) hung.push(SEED + i);
            for (const status of end.statuses) statuses.set(status, (statuses.get(status) ?? 0) + 1);
            // 501 and 505 are what HTTP has for methods and versions that are not there.
            if (end.statuses.some((status) => status >= 500 && status !== 501 && status !== 505)) failed.push(SEED + i);
          }
        }),
      );
      expect({ hung: hung.slice(0, 5), failed: failed.slice(0, 5) }).toEqual({ hung: [], failed: [] });
      // Many were understood, and many were not.
      expect(statuses.get(200) ?? 0).toBeGreaterThan(REQUESTS / 500);
      expect(statuses.get(400) ?? 0).toBeGreaterThan(REQUESTS / 20);
      expect(apex.pid).toBe(pid);
      expect((await ask('Still there?')).status).toBe(200);
      expect(apex.logs()).not.toMatch(/defect|unhandled|uncaught/i);
      expect(rss(apex.pid) - before).toBeLessThan(256 * MIB);
    },
    120_000 + REQUESTS * 5,
  );
});

describe('connections that do nothing', () => {
  it('hold up nobody: a thousand idle ones, and two hundred that send a byte at a time', async () => {
    const { hostname, port } = new URL(apex.baseUrl);
    const open = (): Promise<Socket> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(port), hostname, () => resolve(socket));
        socket.once('error', reject);
      });
    const idle = await Promise.all(Array.from({ length: 1_000 }, open));
    const slow = await Promise.all(Array.from({ length: 200 }, open));
    for (const socket of [...idle, ...slow]) socket.on('error', () => undefined);
    const head = Buffer.from(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apex.apiKey}\r\nx-long: ${'y'.repeat(1_000)}`);
    let sent = 0;
    const drip = setInterval(() => {
      for (const socket of slow) if (!socket.destroyed) socket.write(head.subarray(sent % head.length, (sent % head.length) + 1));
      sent++;
    }, 20);
    try {
      const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`Number ${i}.`)));
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      expect(slow.filter((socket) => socket.destroyed)).toEqual([]);
      expect(idle.filter((socket) => socket.destroyed)).toEqual([]);
    } finally {
      clearInterval(drip);
      for (const socket of [...idle, ...slow]) socket.destroy();
    }
    await eventually('the connections\' end', async () => ((await ask('And now?')).status === 200 ? true : undefined));
  }, 60_000);
});
