import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, runProgram } from '../../../../test/support/program.js';
import { lockHome } from './home.js';

/** Holds the lock of a journal, as a data-plane process does. */
const WRITER = `
  const { acquireLock } = await importSource('libs/host/src/index.ts');
  await acquireLock(process.argv[1]); console.log('held'); setInterval(() => undefined, 1000);`;

describe('lockHome', () => {
  let home: string;
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'apex-home-'))));
  afterEach(() => rmSync(home, { recursive: true }));

  async function writer(): Promise<Program> {
    mkdirSync(join(home, 'journal'), { recursive: true });
    const program = runProgram(WRITER, [join(home, 'journal/p1.lock')]);
    expect(await program.line()).toBe('held');
    return program;
  }

  it('refuses a second start, and says what to do', async () => {
    const lock = await lockHome(home);
    await expect(lockHome(home)).rejects.toThrow(/already runs on .*APEX_HOME=/s);
    lock.release();
    (await lockHome(home)).release();
  });

  it('waits for the processes of a start that was killed', async () => {
    const program = await writer();
    let taken = false;
    const lock = lockHome(home).then((held) => ((taken = true), held));
    // The lock itself was free; it is the other process that keeps us.
    await expect(lockHome(home)).rejects.toThrow(/already runs/);
    expect(taken).toBe(false);
    program.child.kill('SIGKILL');
    await program.exited;
    (await lock).release();
  });

  it('names a process that stays, and leaves the home to whoever comes next', async () => {
    const program = await writer();
    await expect(lockHome(home, 50)).rejects.toThrow(`kill -KILL ${program.child.pid}`);
    program.child.kill('SIGKILL');
    await program.exited;
    (await lockHome(home)).release();
  });
});
