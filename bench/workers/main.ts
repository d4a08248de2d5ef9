/**
 * `npm run bench:workers`: what two data-plane processes (`APEX_WORKERS=2`) do on two cores that one does not. See
 * bench/README.md for what shares the cores with them, and what follows for reading the figures.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CleanUp } from '../clean-up.js';
import { findLoadGenerator } from '../gateway/generators.js';
import { pinTo, sourceRevision, thisMachine } from '../gateway/machine.js';
import { measure, type Run } from '../gateway/measure.js';
import { cacheDir, NODE_FLAGS, projectRoot } from '../gateway/paths.js';
import { processTree } from '../gateway/proc.js';
import { rotated } from '../gateway/stats.js';
import { startApex } from '../gateway/targets/apex.js';
import { type RunningTarget } from '../gateway/targets/target.js';
import { startUpstream } from '../gateway/upstream.js';
import { verifyTarget } from '../gateway/verify.js';
import { CpuQuota } from './cpu-quota.js';
import { renderMarkdown, type Way, type WorkersReport } from './report.js';
import { speedupOf, type WorkerRun } from './speedup.js';

const COUNTS = [1, 2] as const;
/** Of a core, for each process on a machine with two of them: what load, upstream and stores take for it has room beside it. */
const QUOTA = 0.4;
const WARM_UP_SECONDS = 5;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '128' },
    out: { type: 'string', default: join(projectRoot, 'bench/results') },
  },
});
const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(Number) as [number, number, number];
if (![rounds, seconds, connections].every((value) => Number.isInteger(value) && value >= 1)) {
  console.error('bench:workers: --rounds, --seconds and --connections take whole numbers from 1 on');
  process.exit(2);
}
const cores = availableParallelism();
if (cores < 2) {
  console.error('bench:workers: two processes need two cores to show anything');
  process.exit(2);
}

const log = (line: string): void => console.log(line);
const which = { mode: 'json', bodyBytes: 1_024, connections } as const;
// With four cores Apex has two of its own, and what is measured is the answer. With fewer all share the same two.
const own = cores >= 4 && pinTo(`2-${cores - 1}`);
const used = own ? cores : 2;
if (!own && cores > 2) pinTo('0,1');

const scratch = mkdtempSync(join(tmpdir(), 'apex-workers-'));
chmodSync(scratch, 0o755);
const logs = join(cacheDir, 'bench-logs');
mkdirSync(logs, { recursive: true });
const cleanUp = new CleanUp(log);
cleanUp.addLast(() => rmSync(scratch, { recursive: true, force: true }));

try {
  const load = await findLoadGenerator(scratch, log);
  const upstream = await startUpstream({ kind: 'http', core: null, scratch, logs });
  cleanUp.add(() => upstream.stop());
  const contestants: { count: number; running: RunningTarget; runs: Run[] }[] = [];
  for (const count of COUNTS) {
    log(`starting Apex with ${count} process${count === 1 ? '' : 'es'}`);
    const name = `apex-workers-${count}`;
    const home = join(scratch, name);
    mkdirSync(home, { mode: 0o755 });
    const running = await startApex({ upstream: upstream.origin, caFile: null, core: own ? '0,1' : null, scratch: home, logs, nodeFlags: NODE_FLAGS, log }, name, { APEX_WORKERS: String(count) });
    cleanUp.add(() => running.stop());
    await verifyTarget(name, running, ['json']);
    contestants.push({ count, running, runs: [] });
  }
  const way: Way = own ? 'own' : holdToQuota(contestants.flatMap(({ count, running }) => dataPlanes(running.pid!, count))) ? 'quota' : 'shared';
  const bench = { load, statsOrigin: upstream.statsOrigin, upstreamPid: upstream.pid, cores: null };
  for (const { count, running } of contestants) await measure(bench, `${count}`, running, which, WARM_UP_SECONDS);
  for (let round = 0; round < rounds; round++) {
    for (const { count, running, runs } of rotated(contestants, round)) {
      const run = await measure(bench, `${count}`, running, which, seconds);
      runs.push(run);
      log(`round ${round + 1}/${rounds}, ${count} process${count === 1 ? '' : 'es'}: ${Math.round(run.requestsPerSecond)} requests/s, ${run.cpuUs!.toFixed(1)} us CPU, Apex on ${run.targetShare!.toFixed(2)} cores${run.problems.map((problem) => `, PROBLEM ${problem}`).join('')}`);
    }
  }

  const [one, two] = contestants.map(({ runs }) => runs.map(workerRun)) as [WorkerRun[], WorkerRun[]];
  const quota = way === 'quota' ? QUOTA : null;
  const report: WorkersReport = {
    benchmark: 'workers',
    date: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    revision: sourceRevision(),
    load: load.name,
    rounds,
    seconds,
    connections,
    way,
    quota,
    speedup: speedupOf(one, two, quota),
    problems: contestants.flatMap(({ count, runs }) => runs.flatMap((run) => run.problems.map((problem) => `${count}: ${problem}`))),
    foreign: Math.max(...contestants.flatMap(({ runs }) => runs.map(({ foreignShare }) => foreignShare))),
  };
  const { markdown, met } = renderMarkdown(report);
  log(`\n${markdown}`);
  if (values.out !== 'none') {
    mkdirSync(values.out, { recursive: true });
    const file = join(values.out, `${report.date}-workers`);
    writeFileSync(`${file}.json`, `${JSON.stringify({ ...report, runs: { one: contestants[0]?.runs, two: contestants[1]?.runs } }, null, 1)}\n`);
    writeFileSync(`${file}.md`, markdown);
    log(`written to ${file}.{json,md}`);
  }
  process.exitCode = met ? 0 : 1;
} finally {
  await cleanUp.run();
}

function workerRun({ requestsPerSecond, cpuUs, targetShare, loadCoreShare }: Run): WorkerRun {
  return { requestsPerSecond, cpuUs: cpuUs!, apexCores: targetShare!, otherCores: loadCoreShare, idleCores: Math.max(0, used - targetShare! - loadCoreShare) };
}

/** The processes that serve, of `count`: the one that was started, or those that it has started. */
function dataPlanes(pid: number, count: number): number[] {
  return count === 1 ? [pid] : processTree(pid).filter(({ parent }) => parent === pid).map((process) => process.pid);
}

/** A group for each, or for none; their removal comes after the end of what is in them. @returns whether all are held */
function holdToQuota(pids: readonly number[]): boolean {
  const quotas = pids.map((pid) => CpuQuota.create(`apex-bench-${pid}`, QUOTA)).filter((quota) => quota !== null);
  // Ended last to first: the groups are to go after the processes in them.
  for (const quota of quotas) cleanUp.addLast(() => quota.remove());
  if (quotas.length < pids.length) return false;
  pids.forEach((pid, index) => quotas[index]!.hold(pid));
  return true;
}
