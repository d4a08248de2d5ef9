import { ConfigError } from '@apex/common';
import { Failure } from './failure.js';

interface Command {
  readonly summary: string;
  /** @returns the exit code. */
  run(args: readonly string[]): Promise<number>;
}

/** Every command of `apex`. A new one is a line here and a file beside this one, loaded only when it is wanted. */
const COMMANDS: Readonly<Record<string, Command>> = {
  start: { summary: 'Run Apex: stores, migrations, API and worker, until SIGTERM or SIGINT.', run: async () => (await import('./start.js')).start() },
  analyze: { summary: 'Say what Apex would have saved on a log of calls; nothing leaves this machine.', run: async (args) => (await import('./analyze.js')).analyze(args) },
  'verify-statement': { summary: 'Compute a statement again from its receipts, offline, and say which figure is wrong.', run: async (args) => (await import('./verify-statement.js')).verifyStatement(args) },
  billing: { summary: 'Say what a customer pays, owes and is still to be charged.', run: async (args) => (await import('./billing.js')).billing(args) },
  demo: { summary: 'Play prompts of a JSONL file through the gateway and show what was recorded.', run: async (args) => (await import('./demo.js')).demo(args) },
};

function help(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return ['Usage: apex <command> [arguments]', '', ...lines, '', 'The environment configures it; README.md lists the variables.'].join('\n');
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    console.log(help());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    console.error(`Unknown command "${name}".\n\n${help()}`);
    return 2;
  }
  try {
    return await command.run(args);
  } catch (error) {
    // What the user can mend is said in a sentence; anything else is our defect and needs its stack.
    console.error(error instanceof Failure || error instanceof ConfigError ? `\n${error.message}` : error);
    return 1;
  }
}

// Everything has been closed by now; a handle left open somewhere must not keep the process alive.
const code = await main(process.argv.slice(2));
process.exit(code || process.exitCode);
