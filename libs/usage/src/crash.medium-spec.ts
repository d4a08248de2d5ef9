import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { TemporaryHome } from '../test/temporary-home.js';

const HOOKS = fileURLToPath(new URL('../../../test/support/typescript-hooks.mjs', import.meta.url));
const CHILD = fileURLToPath(new URL('../test/journal-child.ts', import.meta.url));

// Real: Postgres, a process of its own and its death by SIGKILL.
describe('a process that is killed while it records', () => {
  let database: TestDatabase;
  let home: TemporaryHome;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
  });
  beforeEach(async () => {
    await database.empty('usage_records', 'attempts');
    home = new TemporaryHome();
  });
  afterEach(() => home.remove());
  afterAll(async () => {
    await database.drop();
    Logger.overrideLogger(new Logger());
  });

  /** Kills the child once it has confirmed so many entries, and gives what it had confirmed. */
  async function killAfter(entries: number): Promise<{ opened: Set<string>; closed: Set<string> }> {
    const child = spawn(process.execPath, ['--import', HOOKS, CHILD, home.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    let lines = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const char of text) if (char === '\n') lines += 1;
      if (lines >= entries) child.kill('SIGKILL');
    });
    const [[, signal]] = await Promise.all([once(child, 'exit'), once(child.stdout, 'close')]);
    expect(signal).toBe('SIGKILL');
    const confirmed = output.slice(0, output.lastIndexOf('\n')).split('\n');
    const ids = (kind: string): Set<string> => new Set(confirmed.filter((line) => line.startsWith(kind)).map((line) => line.slice(2)));
    return { opened: ids('o '), closed: ids('c ') };
  }

  it.each([50, 1_000, 4_000])('after %i entries: every confirmed close is in the books once, every other open is interrupted', async (entries) => {
    const { opened, closed } = await killAfter(entries);
    expect(opened.size + closed.size).toBeGreaterThanOrEqual(entries);
    const service = await home.open(database.dataSource);
    await service.start();
    await service.flush();

    const rows = await database.dataSource.query<Array<{ request_id: string; status: string; attempts: number }>>(
      'select r.request_id, r.status, count(a.attempt_id)::int as attempts from usage_records r left join attempts a on a.request_id = r.request_id and a.status = r.status group by 1, 2',
    );
    const status = new Map(rows.map((row) => [row.request_id, row.status]));
    expect(rows.every(({ attempts }) => attempts === 1)).toBe(true);
    expect([...closed].filter((id) => status.get(id) !== 'final')).toEqual([]);
    const unclosed = [...opened].filter((id) => !closed.has(id));
    expect(unclosed.length).toBeGreaterThan(0);
    // A close may have been written in the moment before its confirmation was.
    const closedUnconfirmed = unclosed.filter((id) => status.get(id) === 'final');
    expect(closedUnconfirmed.length).toBeLessThanOrEqual(16);
    expect(unclosed.filter((id) => !['final', 'interrupted'].includes(status.get(id) ?? 'missing'))).toEqual([]);
  });
});
