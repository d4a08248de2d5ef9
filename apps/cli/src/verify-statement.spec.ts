import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Failure } from './failure.js';
import { verifyStatement } from './verify-statement.js';
import { Dice, FakeBooks, someInputs, terms } from './verify-statement/books.fakes.js';

describe('apex verify-statement', () => {
  let directory: string;
  const said: string[] = [];
  const file = async (name: string, content: string | Buffer): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, content);
    return path;
  };
  const books = new FakeBooks(new Dice(21));
  const dice = new Dice(22);
  for (let day = 1; day < 400; day++) books.add(Date.UTC(2026, 9, 1) + day * 3_600_000, someInputs(dice));
  const first = books.close('2026-10-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z', { terms: terms() });
  const second = books.close('2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z', { terms: terms() }, first);
  const jsonl = `${first.lines.join('\n')}\n`;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'apex-verify-'));
    for (const to of ['log', 'error'] as const) jest.spyOn(console, to).mockImplementation((line: string) => void said.push(line));
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => void (said.length = 0));

  it('says that a statement holds, from files of more than one read', async () => {
    expect(jsonl.length).toBeGreaterThan(1 << 17);
    expect(await verifyStatement([await file('s.json', first.file), await file('r.jsonl', jsonl)])).toBe(0);
    expect(said.join('\n')).toContain(`follows from ${first.lines.length} receipts`);
    expect(said.join('\n')).toContain(first.hash);
    // As a shell's redirection would save it, too.
    expect(await verifyStatement([await file('s.json', `${first.file.toString()}\n`), await file('r.jsonl', jsonl)])).toBe(0);
  });

  it('fails loudly where it does not, and names the figure', async () => {
    const changed = first.file.toString().replace(/"vbpRatePpm":200000/, '"vbpRatePpm":200001');
    expect(await verifyStatement([await file('s.json', changed), await file('r.jsonl', jsonl)])).toBe(1);
    expect(said[0]).toContain('WRONG');
    said.length = 0;
    expect(await verifyStatement([await file('s.json', first.file), await file('r.jsonl', jsonl.replace('"costPd":1', '"costPd":2'))])).toBe(1);
    expect(said.join('\n')).toMatch(/receipts, line \d+: its amounts do not follow from its inputs: actualPd says/);
  });

  it('compares with the statement before', async () => {
    const [s, r] = [await file('s2.json', second.file), await file('r2.jsonl', second.lines.map((line) => `${line}\n`).join(''))];
    expect(await verifyStatement([s, r, '--previous', await file('s.json', first.file)])).toBe(0);
    expect(await verifyStatement([s, r, '--previous', s])).toBe(1);
    expect(said.join('\n')).toContain('previous: says');
  });

  it('wants two files that can be read whole', async () => {
    const [s, r] = [await file('s.json', first.file), await file('cut.jsonl', jsonl.slice(0, -1))];
    await expect(verifyStatement([s, r])).rejects.toThrow('is cut off');
    await expect(verifyStatement([s])).rejects.toThrow(Failure);
    await expect(verifyStatement([s, join(directory, 'nowhere')])).rejects.toThrow('cannot be read');
    await expect(verifyStatement([s, r, '--hasty'])).rejects.toThrow('Usage');
  });
});
