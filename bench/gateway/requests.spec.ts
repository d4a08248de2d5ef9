import { chatBody } from './requests.js';

describe('chatBody', () => {
  it.each([['json', 1024], ['sse', 1024], ['json', 10_240], ['sse', 102_400]] as const)('%s of %d bytes has exactly that size and parses', (mode, bytes) => {
    const body = chatBody(mode, bytes);
    expect(Buffer.byteLength(body)).toBe(bytes);
    const parsed = JSON.parse(body) as { stream?: boolean; messages: unknown[] };
    expect(parsed.stream).toBe(mode === 'sse' ? true : undefined);
    expect(parsed.messages).toHaveLength(2);
  });

  it('refuses a size that cannot hold a request', () => {
    expect(() => chatBody('json', 50)).toThrow(RangeError);
  });
});
