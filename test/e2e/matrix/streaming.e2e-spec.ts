import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import { nextRow } from '../support/ledger.js';
import { rss } from '../support/rss.js';
import { modelAt, providers, type ProviderSpec } from './providers.js';
import { stageForAll } from './stage.js';
import { bodyOf, ordered } from './traffic.js';

const MIB = 1024 * 1024;
const SURFACES = ['chat', 'responses', 'messages'] as const;
type Surface = (typeof SURFACES)[number];
const PATHS = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' } as const;

/** What tells a piece of a call's arguments, in each surface's events. */
const ARGUMENTS: Readonly<Record<Surface, RegExp>> = { chat: /"arguments":"[^"]/g, responses: /"type":"response\.function_call_arguments\.delta"/g, messages: /"partial_json":"[^"]/g };

/** Arguments that take a model a while to write. */
const LONG_ARGUMENTS = { type: 'object', properties: { steps: { type: 'array', items: { type: 'string', minLength: 20 }, minItems: 12, maxItems: 12 } }, required: ['steps'], additionalProperties: false };

const stage = stageForAll();

const cells = SURFACES.flatMap((surface) => providers.map((provider) => [surface, provider.name, provider] as const));

/** Reads until `seen` says that it is enough; then leaves. @returns what came */
async function readUntil(surface: Surface, body: unknown, seen: (text: string) => boolean): Promise<string> {
  const abort = new AbortController();
  const response = await stage.apex.post(PATHS[surface], body, {}, abort.signal);
  expect(response.status).toBe(200);
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (seen(text)) break;
  }
  abort.abort();
  return text;
}

describe.each(cells)('%s to %s', (surface, _name, provider) => {
  it("passes a call's arguments on while the provider still writes them, and stops it when the client leaves", async () => {
    const before = stage.slow.ledger().length;
    const pieces = (text: string): number => text.match(ARGUMENTS[surface])?.length ?? 0;
    const enough = provider.name === 'gemini' ? 1 : 3;
    let endedMeanwhile: number | undefined;
    await readUntil(surface, bodyOf(surface, { model: modelAt(provider, true), text: 'weather in parallel', tools: true, parameters: LONG_ARGUMENTS, stream: true }), (text) => {
      if (pieces(text) < enough) return false;
      endedMeanwhile = stage.slow.ledger().length - before;
      return true;
    });
    expect(endedMeanwhile).toBe(0);
    const row = await nextRow(stage.slow, before);
    expect(row.outcome).toBe('client_gone');
    expect(row.completionTokens).toBeGreaterThan(0);
  });
});

/** Clients that take the head of an answer and then nothing, until they are told. */
class LazyReader {
  private constructor(private readonly socket: Socket) {}

  static async open(path: string, body: unknown): Promise<LazyReader> {
    const { hostname, port } = new URL(stage.apex.baseUrl);
    const socket = connect(Number(port), hostname);
    const json = JSON.stringify(body);
    socket.write(`POST ${path} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${stage.apex.apiKey}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}\r\nconnection: close\r\n\r\n${json}`);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('data', (head: Buffer) => {
        socket.pause();
        if (head.toString('latin1').startsWith('HTTP/1.1 200')) resolve();
        else reject(new Error(head.toString('latin1')));
      });
    });
    return new LazyReader(socket);
  }

  leave(): void {
    this.socket.destroy();
  }

  /** Reads all the rest. @returns how many bytes that were, and the last of them */
  finish(): Promise<{ bytes: number; tail: string }> {
    let bytes = 0;
    let tail = '';
    return new Promise((resolve, reject) => {
      this.socket.once('error', reject);
      this.socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        tail = (tail + chunk.toString('latin1')).slice(-2_000);
      });
      this.socket.once('end', () => resolve({ bytes, tail }));
      this.socket.resume();
    });
  }
}

const READERS = Number(process.env['APEX_LAZY_READERS'] ?? 16);
/** Of them, those that read in the end; the others leave. */
const FINISHERS = 12;
const WATCHED_MS = 3_000;

interface Long {
  readonly what: string;
  readonly provider: ProviderSpec['name'];
  readonly model: string;
  readonly tokens: number;
  readonly carrier: 'metadata' | 'user';
}

/** More than the sockets between the provider and the client can hold. */
const longOnes: readonly Long[] = [
  { what: 'passed through', provider: 'openai', model: 'openai/gpt-5', tokens: 80_000, carrier: 'metadata' },
  { what: 'translated', provider: 'anthropic', model: 'anthropic/claude-haiku-4-5', tokens: 64_000, carrier: 'user' },
];

describe('a client that does not read', () => {
  it.each(longOnes)('holds the provider up, and no memory: $what, from $provider', async ({ model, tokens, carrier }) => {
    const body = ordered('chat', { model, text: 'A long story, please.', stream: true, maxTokens: tokens }, carrier, `tokens=${tokens}`, 'long');
    // Once as fast as can be: what the process grows by on the way is not held for anybody.
    const { bytes } = await (await LazyReader.open(PATHS.chat, body)).finish();
    await stage.fast.settled();
    const ended = stage.fast.ledger().length;
    const before = rss(stage.apex.pid);
    const readers = await Promise.all(Array.from({ length: READERS }, () => LazyReader.open(PATHS.chat, body)));
    let most = before;
    for (const until = performance.now() + WATCHED_MS; performance.now() < until; most = Math.max(most, rss(stage.apex.pid))) await pause(50);
    // The provider is not done: it could not get rid of what it has.
    expect(stage.fast.ledger()).toHaveLength(ended);
    expect(bytes).toBeGreaterThan(12 * MIB);
    expect(most - before).toBeLessThan(64 * MIB);
    for (const reader of readers.slice(FINISHERS)) reader.leave();
    await eventually('the rows of those who left', () => (stage.fast.ledger().length === ended + READERS - FINISHERS ? true : undefined));
    expect(new Set(stage.fast.ledger().slice(ended).map(({ outcome }) => outcome))).toEqual(new Set(['client_gone']));
    const read = await Promise.all(readers.slice(0, FINISHERS).map((reader) => reader.finish()));
    for (const one of read) expect(one.tail).toContain('data: [DONE]');
    await eventually('all rows', () => (stage.fast.ledger().length === ended + READERS ? true : undefined));
    expect(new Set(stage.fast.ledger().slice(-FINISHERS).map(({ outcome }) => outcome))).toEqual(new Set(['completed']));
  }, 90_000 + READERS * 5_000);
});
