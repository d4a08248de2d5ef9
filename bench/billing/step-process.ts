import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { createDataSource } from '@apex/database';
import { type Peak, watchPostgres } from './memory.js';
import { type Step } from './steps.js';

/**
 * What V8 may keep for longer than a moment: a step that held on to what it reads would end here, whatever the machine has.
 * Typed arrays are outside of it, and in what is resident.
 */
export const HEAP_MIB = 96;
/** What is young: three times this, so that what is resident tells what is kept and not how long V8 put off collecting. */
const SEMI_SPACE_MIB = 8;

/** What a step is to be run on. */
export interface StepOrder {
  readonly step: string;
  readonly database: string;
  /** For the step's files; the next step finds them there. */
  readonly dir: string;
  readonly records: number;
  /** Null where there is no /proc. */
  readonly postmaster: number | null;
}

export interface StepResult extends Peak {
  readonly seconds: number;
  readonly problems: readonly string[];
  readonly figures: readonly string[];
}

/** In a process of its own with a small heap: what one step leaves in memory does not count for the next. */
export async function runInOwnProcess(order: StepOrder): Promise<StepResult> {
  const flags = [`--max-old-space-size=${HEAP_MIB}`, `--max-semi-space-size=${SEMI_SPACE_MIB}`, '--expose-gc'];
  const postgres = watchPostgres(order.postmaster);
  const child = spawn(process.execPath, [...process.execArgv, ...flags, process.argv[1]!, '--step', JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`${order.step} of ${order.records} records ended with ${String(signal ?? code)}: it may have wanted more than a heap of ${HEAP_MIB} MiB`);
  return { ...(JSON.parse(output) as Omit<StepResult, 'postgresMib'>), postgresMib: postgres.stop() };
}

/** The step's side: its result goes to the standard output. */
export async function runStep(steps: readonly Step[], ordered: string): Promise<void> {
  const { step: name, database, dir, records } = JSON.parse(ordered) as StepOrder;
  const step = steps.find((one) => one.name === name);
  if (step === undefined) throw new Error(`there is no step ${name}`);
  const dataSource = await createDataSource({ url: database, entities: [], migrations: [], poolSize: 2 }).initialize();
  try {
    const started = performance.now();
    const { problems, figures = [] } = await step.run({ dataSource, dir, records });
    const seconds = (performance.now() - started) / 1_000;
    // Kilobytes: the highest that this process has ever had resident.
    process.stdout.write(JSON.stringify({ seconds, nodeMib: Math.round(process.resourceUsage().maxRSS / 1_024), problems, figures }));
  } finally {
    await dataSource.destroy();
  }
}
