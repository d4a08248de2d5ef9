import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { createDataSource, runMigrations, startEmbeddedPostgres } from '@apex/database';
import { migrations } from '../../migrations/index.js';
import { sourceRevision, thisMachine } from '../gateway/machine.js';
import { projectRoot } from '../gateway/paths.js';
import { CONVERSATION_STEPS } from './conversations.js';
import { postmasterOf } from './memory.js';
import { growthOf, renderMarkdown, type Report, type SizeRun, type StepRun } from './report.js';
import { HEAP_MIB, runInOwnProcess, runStep } from './step-process.js';
import { STATEMENT_STEPS } from './statements.js';
import { ROLLUP_STEPS } from './steps.js';
import { writeUsage } from './usage.js';

const USAGE = `npm run bench:billing [-- options]
  --records 100000,1000000   sizes, each on a database of its own; the smallest one is what memory is compared with
  --quick                    10,000 and 50,000 records, and nothing is written
  --out bench/results        where <date>-billing.{json,md} go`;

const STEPS = [...ROLLUP_STEPS, ...STATEMENT_STEPS, ...CONVERSATION_STEPS];

const log = (line: string): void => void process.stderr.write(`${line}\n`);

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
      const postmaster = postmasterOf(backend!.pid);
      const steps: StepRun[] = [];
      for (const { name } of STEPS) {
        const { seconds, ...result } = await runInOwnProcess({ step: name, database: postgres.url, dir, records, postmaster });
        const run: StepRun = { step: name, seconds, recordsPerSecond: records / seconds, ...result };
        log(`${records} records, ${name}: ${seconds.toFixed(1)} s, ${Math.round(run.recordsPerSecond)} records/s, Node ${run.nodeMib} MiB, Postgres ${run.postgresMib ?? '?'} MiB${run.figures.map((figure) => `, ${figure}`).join('')}${run.problems.map((problem) => `, PROBLEM ${problem}`).join('')}`);
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
  for (const records of sizesWanted) sizes.push(await measureSize(records));
  const problems = [...sizes.flatMap(({ records, steps }) => steps.flatMap((run) => run.problems.map((problem) => `${records} records, ${run.step}: ${problem}`))), ...growthOf(sizes, new Set(STEPS.filter(({ grows }) => grows).map(({ name }) => name)))];
  const report: Report = {
    benchmark: 'billing',
    date: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    revision: sourceRevision(),
    valid: problems.length === 0,
    problems,
    heapMib: HEAP_MIB,
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

const { values } = parseArgs({ options: { records: { type: 'string' }, quick: { type: 'boolean' }, out: { type: 'string' }, help: { type: 'boolean' }, step: { type: 'string' } } });
if (values.help) {
  log(USAGE);
} else if (values.step !== undefined) {
  await runStep(STEPS, values.step);
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
