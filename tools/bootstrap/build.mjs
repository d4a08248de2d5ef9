import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, Failure, step, tail } from './progress.mjs';
import { root } from './root.mjs';

const SOURCES = ['apps', 'libs', 'migrations', 'bench', '.swcrc', 'nest-cli.json', 'tsconfig.json', 'package-lock.json'];
const stampFile = join(root, 'dist/.stamp');

/** Compiles the sources into dist/, unless they are as they were at the last build. */
export async function build(node) {
  const stamp = sourceStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  await step('building', async () => {
    const { code, output } = await capture(node, [join(root, 'node_modules/@nestjs/cli/bin/nest.js'), 'build', 'api']);
    if (code !== 0) throw new Failure(`The build failed:\n\n${tail(output, 60)}`);
    writeFileSync(stampFile, stamp);
  });
}

/** Names, sizes and times of everything that is compiled; tests are not. */
function sourceStamp() {
  const hash = createHash('sha256');
  const visit = (path) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      for (const name of readdirSync(join(root, path)).sort()) if (name !== 'node_modules' && name !== 'results') visit(`${path}/${name}`);
    } else if (!/spec\.ts$/.test(path)) {
      hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
    }
  };
  SOURCES.forEach(visit);
  return hash.digest('hex');
}
