import { join } from 'node:path';
import { capture, step } from './progress.mjs';
import { root } from './root.mjs';

const CHECKS = {
  types: ['typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'],
  lint: ['eslint/bin/eslint.js', '.'],
  layers: ['dependency-cruiser/bin/dependency-cruiser.mjs', '--config', '.dependency-cruiser.cjs', 'apps', 'libs'],
};

/** Types, lint and layers, beside whatever else is shown. Shows what a failed one has to say. @returns the names of those that failed. */
export async function runChecks(node) {
  const results = [];
  await step(`checking ${Object.keys(CHECKS).join(', ')}`, async () => {
    const run = async ([name, [program, ...args]]) => results.push({ name, ...(await capture(node, [join(root, 'node_modules', program), ...args])) });
    await Promise.all(Object.entries(CHECKS).map(run));
  }, { alone: false });
  const failed = results.filter(({ code }) => code !== 0);
  for (const { name, output } of failed) console.error(`\n${name}:\n${output.trimEnd()}\n`);
  return failed.map(({ name }) => name);
}
