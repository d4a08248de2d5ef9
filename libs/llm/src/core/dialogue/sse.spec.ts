import fc from 'fast-check';
import { type SseEvent } from './codec.js';
import { formatSse, SseEventTooLarge, SseParser } from './sse.js';

const parse = (text: string): SseEvent[] => {
  const parser = new SseParser();
  return [...parser.push(Buffer.from(text)), ...parser.finish()];
};

const events = fc.record({
  event: fc.option(fc.stringMatching(/^[a-z_.]{1,20}$/), { nil: null }),
  data: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', ' ', 'two\nlines', '\n', '[DONE]', '{"a":"é😀"}')).map((text) => text.replaceAll('\r', '')),
});

/** The bytes of a text, cut anywhere. */
const chunked = (text: string, cuts: readonly number[]): Buffer[] => {
  const bytes = Buffer.from(text);
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
};

describe('SseParser', () => {
  it('reads back what formatSse writes, whatever the chunks and line ends, with comments in between', () => {
    fc.assert(
      fc.property(fc.array(events), fc.constantFrom('\n', '\r\n', '\r'), fc.array(fc.nat()), (sent, lineEnd, cuts) => {
        const text = sent.map((event) => `: keep-alive\n\n${formatSse(event)}`).join('').replaceAll('\n', lineEnd);
        const parser = new SseParser();
        const received = chunked(text, cuts).flatMap((chunk) => parser.push(chunk));
        expect([...received, ...parser.finish()]).toEqual(sent);
      }),
      { numRuns: 1_000 },
    );
  });

  it('gives an event as soon as its empty line is there, and not before', () => {
    const parser = new SseParser();
    expect(parser.push(Buffer.from('data: 1\n'))).toEqual([]);
    expect(parser.push(Buffer.from('\n'))).toEqual([{ event: null, data: '1' }]);
    expect(parser.push(Buffer.from('data: 2\r\n\r'))).toEqual([{ event: null, data: '2' }]);
    expect(parser.push(Buffer.from('\ndata: 3\n\n'))).toEqual([{ event: null, data: '3' }]);
  });

  it("follows the standard's examples", () => {
    expect(parse('data: YHOO\ndata: +2\ndata: 10\n\n')).toEqual([{ event: null, data: 'YHOO\n+2\n10' }]);
    expect(parse(': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n')).toEqual([
      { event: null, data: 'first event' },
      { event: null, data: 'second event' },
      { event: null, data: ' third event' },
    ]);
    expect(parse('data\n\ndata\ndata\n\n')).toEqual([
      { event: null, data: '' },
      { event: null, data: '\n' },
    ]);
    expect(parse('event: ping\n\nevent: message_start\ndata: {}\n\nretry: 10\n\n')).toEqual([{ event: 'message_start', data: '{}' }]);
    expect(parse('\u{feff}data: after a byte order mark\n\n')).toEqual([{ event: null, data: 'after a byte order mark' }]);
  });

  it('means an event that only the end of the stream ended', () => {
    expect(parse('data: [DONE]')).toEqual([{ event: null, data: '[DONE]' }]);
    expect(parse('data: [DONE]\n')).toEqual([{ event: null, data: '[DONE]' }]);
    expect(parse('data: a\n\n')).toEqual([{ event: null, data: 'a' }]);
  });

  it.each([
    ['one line', ['data: 0123456789012345678901234567890']],
    ['one line in small pieces', Array.from({ length: 40 }, () => 'd')],
    ['many lines', Array.from({ length: 10 }, () => 'data: 1\n')],
  ])('refuses an event that is larger than allowed: %s', (_name, chunks) => {
    const parser = new SseParser(32);
    expect(() => chunks.forEach((chunk) => parser.push(Buffer.from(chunk)))).toThrow(SseEventTooLarge);
  });

  it('does not count events, or comments, together', () => {
    const parser = new SseParser(32);
    const received = Array.from({ length: 100 }, () => parser.push(Buffer.from(': still there\n: and there\ndata: 0123456789\n\n'))).flat();
    expect(received).toHaveLength(100);
    for (let i = 0; i < 100; i += 1) expect(parser.push(Buffer.from(': é still there\n'))).toEqual([]);
  });
});
