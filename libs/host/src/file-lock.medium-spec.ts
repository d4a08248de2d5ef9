import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../../test/support/program.js';
import { acquireLock, lockHolder, LockedError } from './file-lock.js';

const HOLD = `
  const { acquireLock } = await importSource('libs/host/src/index.ts');
  try { await acquireLock(process.argv[1]); console.log('held'); setInterval(() => undefined, 1000); }
  catch (error) { console.log(error.name); }`;

describe('acquireLock', () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'apex-lock-'));
    path = join(dir, 'lock');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('refuses a second holder, in this process too, and names the first', async () => {
    const lock = await acquireLock(path);
    await expect(acquireLock(path)).rejects.toMatchObject({ name: 'LockedError', pid: process.pid });
    lock.release();
    (await acquireLock(path)).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('refuses while another process holds it, and takes over at once when that one is killed', async () => {
    const holder = runProgram(HOLD, [path]);
    expect(await holder.line()).toBe('held');
    await expect(acquireLock(path)).rejects.toBeInstanceOf(LockedError);
    holder.child.kill('SIGKILL');
    await holder.exited;
    (await acquireLock(path)).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('tells who holds it, as long as that one lives', async () => {
    expect(lockHolder(path)).toBeNull();
    const holder = runProgram(HOLD, [path]);
    expect(await holder.line()).toBe('held');
    expect(lockHolder(path)).toBe(holder.child.pid);
    holder.child.kill('SIGKILL');
    await holder.exited;
    expect(lockHolder(path)).toBeNull();
    writeFileSync(path, '');
    expect(lockHolder(path)).toBeNull();
  });

  it('does not take a process that was given the pid later for the holder', async () => {
    writeFileSync(path, JSON.stringify({ pid: process.pid, start: 'another boot/1', token: 'x' }));
    const lock = await acquireLock(path);
    expect(readFileSync(path, 'utf8')).toContain(String(process.pid));
    lock.release();
  });

  it('takes over a file that a power cut has emptied', async () => {
    writeFileSync(path, '');
    (await acquireLock(path)).release();
  });

  it('removes nobody else\'s lock when released late', async () => {
    const first = await acquireLock(path);
    rmSync(path);
    const second = await acquireLock(path);
    first.release();
    await expect(acquireLock(path)).rejects.toBeInstanceOf(LockedError);
    second.release();
  });

  it('lets exactly one of several processes take over a stale lock', async () => {
    for (let round = 0; round < 3; round += 1) {
      writeFileSync(path, JSON.stringify({ pid: process.pid, start: 'another boot/1', token: `stale ${round}` }));
      const takers = Array.from({ length: 4 }, () => runProgram(HOLD, [path]));
      const results = await Promise.all(takers.map((taker) => taker.line()));
      takers.forEach((taker) => taker.child.kill('SIGKILL'));
      await Promise.all(takers.map((taker) => taker.exited));
      expect(results.sort()).toEqual(['LockedError', 'LockedError', 'LockedError', 'held']);
      rmSync(path);
    }
  });
});
