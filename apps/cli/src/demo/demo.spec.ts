import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readPrompts } from './prompts.js';
import { percentile, report } from './report.js';

describe('readPrompts', () => {
  let dir: string;
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'prompts-'))));
  afterAll(() => rmSync(dir, { recursive: true }));

  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const lines = ['"a string"', '{"text":"hi","intent":"x"}', '', '{"messages":[{"role":"system","content":"s"}]}', '{"prompt":"p","text":"not this"}'].join('\n');

  it.each([['plain.jsonl', lines], ['packed.jsonl', gzipSync(lines)]])('reads %s', async (name, content) => {
    const { chats, total } = await readPrompts(file(name, content), 3);
    expect(total).toBe(4);
    expect(chats).toEqual([[{ role: 'user', content: 'a string' }], [{ role: 'user', content: 'hi' }], [{ role: 'system', content: 's' }]]);
  });

  it.each([
    ['no-prompt.jsonl', '"x"\n{"y":1}', 'Line 2 holds no prompt'],
    ['no-json.jsonl', '{', 'Line 1 is not JSON'],
    ['empty.jsonl', '\n', 'holds no prompts'],
  ])('says what is wrong with %s', async (name, content, message) => {
    await expect(readPrompts(file(name, content), 10)).rejects.toThrow(message);
  });

  it('says that a file is not there', async () => {
    await expect(readPrompts(join(dir, 'none'), 10)).rejects.toThrow('cannot be read');
  });
});

describe('report', () => {
  const one = { ok: true, httpStatus: 200, tokens: 10, cost: 5n, saving: 0n, requestId: null, latencyMs: 20, cohort: 'gateway', error: null };
  const books = { requests: 2, promptTokens: 12, completionTokens: 8, costPicodollars: '10', byStatus: { final: 2 } };

  it('says whether the books agree with the answers', () => {
    expect(report([one, one], books, 1)).toContain('equal to what the answers said');
    expect(report([one, one], { ...books, costPicodollars: '11' }, 1)).toContain('the answers said 2 requests, 20 tokens, $0.000000000010');
    expect(report([one, one], null, 1)).toContain('not yet');
  });

  it('takes percentiles by nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1);
    expect([0.5, 0.9, 0.99, 1].map((share) => percentile(values, share))).toEqual([50, 90, 99, 100]);
    expect(percentile([], 0.5)).toBe(0);
  });
});
