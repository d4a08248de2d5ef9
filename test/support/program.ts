import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const HOOKS = new URL('./typescript-hooks.mjs', import.meta.url);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A Node process of the test's own, to be killed. */
export interface Program {
  readonly child: ChildProcess;
  /** The next line that it prints; rejects when it ends first. */
  line(): Promise<string>;
  readonly exited: Promise<void>;
}

/**
 * Runs this JavaScript in a process of its own, sources of the repository loaded as they are:
 * `const { x } = await importSource('libs/y/src/index.ts')`. `args` are its `process.argv.slice(1)`.
 */
export function runProgram(code: string, args: readonly string[] = []): Program {
  const prelude = `const { importSource } = await import(${JSON.stringify(HOOKS.href)});\n`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + code, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async line() {
      const next = await lines.next();
      if (next.done) throw new Error(`the program ended without a line: ${errors}`);
      return next.value;
    },
    exited: new Promise((resolve) => child.once('close', () => resolve())),
  };
}
