#!/usr/bin/env node
// What `npm start`, `npm test`, `npm run demo` and `npm run bench:*` run: sets up what is missing, then hands over.
// Plain JavaScript without dependencies for Node >= 20: on a fresh clone there is nothing else.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './bootstrap/build.mjs';
import { runChecks } from './bootstrap/checks.mjs';
import { install } from './bootstrap/install.mjs';
import { withLock } from './bootstrap/lock.mjs';
import { NODE_FLAGS, findNode, hasVersion } from './bootstrap/node.mjs';
import { Failure } from './bootstrap/progress.mjs';
import { handOver } from './bootstrap/hand-over.mjs';
import { root } from './bootstrap/root.mjs';

const JEST_FLAGS = '--experimental-vm-modules --disable-warning=ExperimentalWarning';

const commands = {
  start: (args) => app(['start', ...args]),
  demo: (args) => app(['demo', ...args]),
  cli: (args) => app(args),
  test,
  bench,
  setup: async () => void (await prepare()),
};

async function prepare() {
  return withLock(async () => {
    await install();
    const node = findNode();
    await build(node);
    return node;
  });
}

async function app(args) {
  const node = await prepare();
  return handOver(node, [...NODE_FLAGS, join(root, 'dist/apps/cli/src/main.js'), ...args], { tether: true });
}

/** Without arguments: types, lint, layers and every suite, side by side: suites that wait leave room. With arguments: they are jest's, and nothing else runs. */
async function test(args) {
  const node = await prepare();
  const checks = args.length === 0 ? runChecks(node) : Promise.resolve([]);
  const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${JEST_FLAGS}`.trim() };
  const workers = args.some((arg) => /^(--maxWorkers|-w|--runInBand|-i)\b/.test(arg)) ? [] : ['--maxWorkers=2'];
  // A failed test may leave something open; that must not keep the run from ending.
  const code = await handOver(node, [join(root, 'node_modules/jest/bin/jest.js'), '--forceExit', ...workers, ...args], { env });
  // Stopped from outside: nobody waits for what the checks would say.
  if (code > 128) process.exit(code);
  const failed = await checks;
  if (failed.length > 0) console.error(`\nNot passed, see above: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : code;
}

async function bench([name, ...args]) {
  const node = await prepare();
  const file = [`bench/${name}.mjs`, `dist/bench/${name}.js`, `dist/bench/${name}/main.js`].find((path) => existsSync(join(root, path)));
  if (!name || !file) throw new Failure(`There is no benchmark "${name ?? ''}" in bench/.`);
  return handOver(node, ['--enable-source-maps', join(root, file), ...args]);
}

const [name = 'start', ...args] = process.argv.slice(2);
try {
  if (!hasVersion(process.versions.node, [20, 19])) {
    throw new Failure(`Node ${process.versions.node} is too old. Install Node 20.19 or newer; Apex brings the newer one that it runs on.`);
  }
  if (!Object.hasOwn(commands, name)) throw new Failure(`Unknown command "${name}". Commands: ${Object.keys(commands).join(', ')}.`);
  process.exitCode = await commands[name](args);
} catch (error) {
  console.error(error instanceof Failure ? `\n${error.message}` : error);
  process.exitCode = 1;
}
