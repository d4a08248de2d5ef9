import { cannedJson, cannedStream, Identifier } from './canned.js';
import { SSE_EVENTS } from './requests.js';

function split(response: Buffer): { head: string; body: string } {
  const [head, ...rest] = response.toString('latin1').split('\r\n\r\n');
  return { head: head as string, body: rest.join('\r\n\r\n') };
}

/** The chunks of a chunked body, checked against their declared sizes. */
function chunksOf(body: string): string[] {
  const chunks: string[] = [];
  for (let at = 0; ;) {
    const lineEnd = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.slice(at, lineEnd), 16);
    if (size === 0) return chunks;
    chunks.push(body.slice(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

describe('canned answers', () => {
  it('JSON: the declared length is the body\'s, usage is complete, identifiers differ', () => {
    const id = new Identifier();
    const json = cannedJson();
    const bodies = [1, 2].map(() => {
      id.advance();
      const { head, body } = split(json.next(id));
      expect(head).toContain(`content-length: ${body.length}`);
      return JSON.parse(body) as { id: string; usage: { prompt_tokens_details: { cached_tokens: number } } };
    });
    expect(bodies[0]?.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(0);
    expect(bodies[0]?.id).not.toBe(bodies[1]?.id);
  });

  it.each([true, false])('stream (include_usage: %s): events, usage event only when asked for, [DONE] last', (includeUsage) => {
    const { body } = split(cannedStream(includeUsage).next(new Identifier()));
    const chunks = chunksOf(body);
    expect(chunks).toHaveLength(SSE_EVENTS + (includeUsage ? 2 : 1));
    expect(chunks.at(-1)).toBe('data: [DONE]\n\n');
    const events = chunks.slice(0, -1).map((text) => JSON.parse(text.slice('data: '.length)) as { choices: unknown[]; usage?: unknown });
    expect(events.filter((event) => event.usage != null)).toHaveLength(includeUsage ? 1 : 0);
    expect(events.filter((event) => event.choices.length === 1)).toHaveLength(SSE_EVENTS);
  });

  it('counts up with carries', () => {
    const id = new Identifier();
    for (let i = 0; i < 1_010; i++) id.advance();
    expect(id.digits.toString()).toMatch(/^0+1010$/);
  });
});
