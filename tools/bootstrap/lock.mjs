import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { step } from './progress.mjs';
import { root } from './root.mjs';

const path = join(root, '.cache/bootstrap.lock');

/** One set-up at a time in this checkout: two would install and build into each other. Waits for the other to end. */
export async function withLock(work) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  if (!take()) {
    await step('another set-up is at work here; waiting for it', async () => {
      while (!take()) await delay(200);
    });
  }
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

function take() {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${process.pid} ${startOf(process.pid)}`);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (!isHeld()) rmSync(path, { force: true });
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

function isHeld() {
  try {
    const [pid, start] = readFileSync(path, 'utf8').split(' ');
    process.kill(Number(pid), 0);
    return startOf(pid) === start;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Tells two processes with one pid apart, where the system lets us see (proc(5), field 22). */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return 'unknown';
  }
}
