import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { createDataSource, runMigrations, startEmbeddedPostgres } from '@apex/database';
import { migrations } from '../../migrations/index.js';
import { sourceRevision, thisMachine } from '../gateway/machine.js';
import { projectRoot } from '../gateway/paths.js';
import { watchMemory } from './memory.js';
import { growthOf, renderMarkdown, type Report, type SizeRun, type StepRun } from './report.js';
import { STATEMENT_STEPS } from './statements.js';
import { ROLLUP_STEPS } from './steps.js';
import { writeUsage } from './usage.js';

const USAGE = `npm run bench:billing [-- options]
  --records 100000,1000000   sizes, each on a database of its own; the first one is what memory is compared with
  --quick                    10,000 and 50,000 records, and nothing is written
  --out bench/results        where <date>-billing.{json,md} go`;

const STEPS = [...ROLLUP_STEPS, ...STATEMENT_STEPS];

const log = (line: string): void => void process.stderr.write(`${line}\n`);

/** In a process of its own: what one size has left in memory must not count for the next. */
async function inOwnProcess(records: number): Promise<SizeRun> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, '--one', String(records)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`${records} records could not be measured`);
  return JSON.parse(output) as SizeRun;
}

async function measureSize(records: number): Promise<SizeRun> {
  const dir = mkdtempSync(join(tmpdir(), 'apex-bench-billing-'));
  const postgres = await startEmbeddedPostgres({ dir, durable: false });
  try {
    const dataSource = await createDataSource({ url: postgres.url, entities: [], migrations, poolSize: 2 }).initialize();
    try {
      await runMigrations(dataSource);
      log(`${records} records: writing them`);
      await writeUsage(dataSource, records);
      const [backend] = await dataSource.query<Array<{ pid: number }>>('select pg_backend_pid() as pid');
      const steps: StepRun[] = [];
      for (const step of STEPS) {
        const memory = watchMemory(backend!.pid);
        const started = performance.now();
        const problems = await step.run(dataSource, records);
        const seconds = (performance.now() - started) / 1_000;
        const run = { step: step.name, seconds, recordsPerSecond: records / seconds, ...memory.stop(), problems };
        log(`${records} records, ${step.name}: ${seconds.toFixed(1)} s, ${Math.round(run.recordsPerSecond)} records/s, Node ${run.nodeMib} MiB, Postgres ${run.postgresMib ?? '?'} MiB${problems.map((problem) => `, PROBLEM ${problem}`).join('')}`);
        steps.push(run);
      }
      return { records, steps };
    } finally {
      await dataSource.destroy();
    }
  } finally {
    await postgres.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function bench(sizesWanted: readonly number[], out: string | null): Promise<boolean> {
  const sizes: SizeRun[] = [];
  for (const records of sizesWanted) sizes.push(await inOwnProcess(records));
  const problems = [...sizes.flatMap(({ records, steps }) => steps.flatMap((run) => run.problems.map((problem) => `${records} records, ${run.step}: ${problem}`))), ...growthOf(sizes)];
  const report: Report = {
    benchmark: 'billing',
    date: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    revision: sourceRevision(),
    valid: problems.length === 0,
    problems,
    steps: STEPS.map(({ name, what }) => ({ name, what })),
    sizes,
  };
  const markdown = renderMarkdown(report);
  log(`\n${markdown}`);
  if (out !== null) {
    mkdirSync(out, { recursive: true });
    const file = join(out, `${report.date}-billing`);
    writeFileSync(`${file}.json`, `${JSON.stringify(report, null, 1)}\n`);
    writeFileSync(`${file}.md`, markdown);
    log(`written to ${file}.{json,md}`);
  }
  return report.valid;
}

const { values } = parseArgs({ options: { records: { type: 'string' }, quick: { type: 'boolean' }, out: { type: 'string' }, help: { type: 'boolean' }, one: { type: 'string' } } });
if (values.help) {
  log(USAGE);
} else if (values.one !== undefined) {
  process.stdout.write(JSON.stringify(await measureSize(Number(values.one))));
} else {
  try {
    const sizes = (values.records ?? (values.quick ? '10000,50000' : '100000,1000000')).split(',').map(Number);
    if (!sizes.every((size) => Number.isInteger(size) && size > 0 && size <= 100_000_000)) throw new Error(`--records: whole numbers, please.\n${USAGE}`);
    process.exitCode = (await bench(sizes, values.quick ? null : (values.out ?? join(projectRoot, 'bench/results')))) ? 0 : 1;
  } catch (error) {
    console.error(`bench:billing: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
