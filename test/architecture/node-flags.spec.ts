import { readFileSync } from 'node:fs';
import { NODE_FLAGS } from '../../bench/gateway/paths.js';

// A start, the image and benchmarks each name them: what runs, what ships and what is measured must be one program.
describe("Node's flags", () => {
  const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const started = [...(/^export const NODE_FLAGS = \[(.*)\];$/m.exec(read('tools/bootstrap/node.mjs'))?.[1] ?? '').matchAll(/'([^']+)'/g)].map(([, flag]) => flag);
  const command = JSON.parse(/^CMD (\[.*\])$/m.exec(read('Dockerfile'))?.[1] ?? '[]') as string[];

  it('are those of a start in the image', () => {
    expect(started.length).toBeGreaterThan(0);
    expect(command).toEqual(['node', ...started, 'dist/apps/cli/src/main.js', 'start']);
  });

  it('are those of a start in benchmarks, where no stack is read', () => {
    expect(NODE_FLAGS).toEqual(started.filter((flag) => flag !== '--enable-source-maps'));
  });
});
