import { percentile, responseEnd } from './response-framing.js';
import { parseWrk } from './wrk.js';

describe('parseWrk', () => {
  it('reads the summary line and adds up every kind of error', () => {
    const result = parseWrk('Running 2s test\n\nBENCH {"completed":20000,"durationUs":2000000,"bytes":16000000,"p50Us":900,"p99Us":2100,"connect":1,"read":2,"write":3,"status":4,"timeout":5}\n');
    expect(result).toEqual({ completed: 20_000, seconds: 2, requestsPerSecond: 10_000, p50Us: 900, p99Us: 2_100, bytesReceived: 16_000_000, errors: 15 });
  });

  it('refuses output without one', () => {
    expect(() => parseWrk('unable to connect')).toThrow(/no summary/);
  });
});

describe('responseEnd', () => {
  it.each([
    ['content-length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'],
    ['chunked', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
  ])('knows a complete response from every shorter one (%s)', (_, text) => {
    for (let cut = 0; cut < text.length; cut++) expect(responseEnd(Buffer.from(text.slice(0, cut)))).toBe(-1);
    expect(responseEnd(Buffer.from(text))).toBe(text.length);
  });
});

describe('percentile', () => {
  it('is the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile([7], 0.99)).toBe(7);
  });
});
