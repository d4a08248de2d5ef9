import { SseEventTooLarge } from '@apex/llm';
import fc from 'fast-check';
import { ChatReader } from './readers.js';
import { SseRelay } from './sse-relay.js';

const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
const counted = { promptTokens: 5, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 2, reasoningTokens: 0 };
const delta = (content: string, extra: object = {}) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }], ...extra })}\n\n`;
const usageChunk = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
const done = 'data: [DONE]\n\n';

/** Everything that reached the client, in order, and what was held back until the end. */
function relay(chunks: Buffer[], strip: boolean) {
  const sse = new SseRelay(new ChatReader(strip));
  const forwarded: Buffer[] = [];
  const held: Buffer[] = [];
  for (const chunk of chunks) {
    const step = sse.push(chunk);
    forwarded.push(...step.forward);
    held.push(...step.hold);
  }
  held.push(...sse.finish().hold);
  return { sse, forwarded: Buffer.concat(forwarded).toString(), held: Buffer.concat(held).toString() };
}

function cut(text: string, cuts: number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const points = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...points, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : points[i - 1], end)).filter((part) => part.length > 0);
}

describe('SseRelay', () => {
  const contents = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('"usage":{"prompt_tokens":999} [DONE] "error"')), { maxLength: 8 });
  const cuts = fc.array(fc.nat(), { maxLength: 30 });

  it('passes the same bytes and reads the same usage however the stream is cut into reads', () => {
    fc.assert(
      fc.property(contents, cuts, fc.boolean(), fc.boolean(), (texts, at, strip, nulls) => {
        const deltas = texts.map((text) => delta(text, nulls ? { usage: null } : {})).join('');
        const { sse, forwarded, held } = relay(cut(deltas + usageChunk + done, at), strip);
        expect(forwarded + held).toBe(deltas + (strip ? '' : usageChunk) + done);
        expect(sse.usage).toEqual(counted);
        expect(sse.complete).toBe(true);
        expect(held).toContain(done);
        expect(forwarded).not.toContain(done);
      }),
      { numRuns: 500 },
    );
  });

  it('forwards an event with the read that completes it', () => {
    const sse = new SseRelay(new ChatReader(true));
    expect(Buffer.concat([...sse.push(Buffer.from(delta('a'))).forward]).toString()).toBe(delta('a'));
    expect(sse.push(Buffer.from(delta('b').slice(0, 20))).forward).toEqual([]);
    expect(Buffer.concat([...sse.push(Buffer.from(delta('b').slice(20))).forward]).toString()).toBe(delta('b'));
  });

  it('does not copy a read that has nothing of interest', () => {
    const read = Buffer.from(delta('a') + delta('b'));
    expect(new SseRelay(new ChatReader(true)).push(read).forward[0]).toBe(read);
  });

  it('keeps a usage that comes with a choice, as some providers send it', () => {
    const last = delta('x', { usage });
    const { sse, forwarded, held } = relay([Buffer.from(last + done)], true);
    expect(forwarded + held).toBe(last + done);
    expect(sse.usage).toEqual(counted);
  });

  it('takes CRLF line ends and an end without [DONE]', () => {
    const text = (delta('a') + usageChunk).replaceAll('\n', '\r\n');
    const { sse, forwarded, held } = relay(cut(text, [7, 33, text.length - 1]), false);
    expect(forwarded + held).toBe(text);
    expect(sse.usage).toEqual(counted);
    expect(sse.complete).toBe(false);
  });

  it('notices an error event', () => {
    expect(relay([Buffer.from('data: {"error":{"message":"overloaded"}}\n\n')], true).sse.failed).toBe(true);
    expect(relay([Buffer.from(delta('an "error" in a text'))], true).sse.failed).toBe(false);
  });

  it('refuses an event without an end', () => {
    const sse = new SseRelay(new ChatReader(false));
    const read = Buffer.alloc(1024 * 1024, 'a');
    expect(() => {
      for (let i = 0; i < 10; i++) sse.push(read);
    }).toThrow(SseEventTooLarge);
  });
});
