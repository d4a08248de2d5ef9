/**
 * `npm run bench:workers`: what two data-plane processes (`APEX_WORKERS=2`) do on two cores that one does not. See
 * bench/README.md for what shares the cores with them, and what follows for reading the figures.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findLoadGenerator } from '../gateway/generators.js';
import { pinTo, sourceRevision, thisMachine } from '../gateway/machine.js';
import { measure, type Run } from '../gateway/measure.js';
import { cacheDir, NODE_FLAGS, projectRoot } from '../gateway/paths.js';
import { rotated } from '../gateway/stats.js';
import { startApex } from '../gateway/targets/apex.js';
import { type RunningTarget } from '../gateway/targets/target.js';
import { startUpstream } from '../gateway/upstream.js';
import { verifyTarget } from '../gateway/verify.js';
import { speedupOf, type WorkerRun } from './speedup.js';

const AIM = 1.7;
const COUNTS = [1, 2] as const;
const WARM_UP_SECONDS = 5;
const QUIET_FOREIGN_SHARE = 0.05;

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
const closing: (() => Promise<void>)[] = [async () => rmSync(scratch, { recursive: true, force: true })];
const end = async (): Promise<void> => {
  for (let next = closing.pop(); next; next = closing.pop()) await next().catch((error: unknown) => log(String(error)));
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end().then(() => process.exit(130)));

try {
  const load = await findLoadGenerator(scratch, log);
  const upstream = await startUpstream({ kind: 'http', core: null, scratch, logs });
  closing.push(() => upstream.stop());
  const contestants: { count: number; running: RunningTarget; runs: Run[] }[] = [];
  for (const count of COUNTS) {
    log(`starting Apex with ${count} process${count === 1 ? '' : 'es'}`);
    const name = `apex-workers-${count}`;
    const home = join(scratch, name);
    mkdirSync(home, { mode: 0o755 });
    const running = await startApex({ upstream: upstream.origin, caFile: null, core: own ? '0,1' : null, scratch: home, logs, nodeFlags: NODE_FLAGS, log }, name, { APEX_WORKERS: String(count) });
    closing.push(() => running.stop());
    await verifyTarget(name, running, ['json']);
    contestants.push({ count, running, runs: [] });
  }
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
  const speedup = speedupOf(one, two);
  const problems = contestants.flatMap(({ count, runs }) => runs.flatMap((run) => run.problems.map((problem) => `${count}: ${problem}`)));
  const foreign = Math.max(...contestants.flatMap(({ runs }) => runs.map(({ foreignShare }) => foreignShare)));
  const answer = own ? speedup.measured : speedup.perCore;
  const doubts = own ? [] : speedup.doubts;
  const met = problems.length === 0 && doubts.length === 0 && answer >= AIM;
  const date = new Date().toISOString().slice(0, 10);
  const machine = thisMachine();
  const revision = sourceRevision();
  const row = (name: string, run: WorkerRun): string => `| ${name} | ${Math.round(run.requestsPerSecond).toLocaleString('en-US')} | ${run.cpuUs.toFixed(1)} | ${Math.round(1e6 / run.cpuUs).toLocaleString('en-US')} | ${run.apexCores.toFixed(2)} | ${run.otherCores.toFixed(2)} | ${run.idleCores.toFixed(2)} |`;
  const markdown = [
    `# Two processes, ${date}`,
    '',
    problems.length === 0 ? 'Valid: every answer was whole, came from the upstream, and was recorded.' : '**INVALID. Do not quote.**',
    ...problems.map((problem) => `- problem: ${problem}`),
    ...doubts.map((doubt) => `- doubt: ${doubt}`),
    ...(foreign > QUIET_FOREIGN_SHARE ? [`- warning: others used up to ${foreign.toFixed(2)} of a core: noisy, not for quoting`] : []),
    ...(rounds < 3 ? [`- warning: ${rounds} round(s): not a median, not for quoting`] : []),
    '',
    `${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}; load by ${load.name}; revision ${revision ?? 'uncommitted'}.`,
    `${rounds} interleaved rounds of ${seconds} s, JSON, 1 KB, ${connections} connections, medians. ${own ? 'Apex has two cores; load, upstream and stores the others.' : 'Apex, load, upstream, Postgres and Redis share two cores, and nothing is pinned.'}`,
    '',
    '| Processes | requests/s | CPU us/request | requests per CPU second of Apex | cores of Apex | of the others | idle |',
    '|-|-:|-:|-:|-:|-:|-:|',
    row('1', speedup.one),
    row('2', speedup.two),
    '',
    `Requests per second as measured: ${speedup.measured.toFixed(2)} x. Requests per CPU second of Apex: ${speedup.efficiency.toFixed(2)} x.`,
    own
      ? `Two processes on two cores do ${answer.toFixed(2)} x one (aim: at least ${AIM}): ${met ? 'met' : 'missed'}.`
      : `Two processes with two cores' worth of CPU time do ${answer.toFixed(2)} x one with one core's worth (aim: at least ${AIM}): ${met ? 'met' : problems.length + doubts.length > 0 ? 'not shown' : 'missed'}. This is worked out from CPU time: on two cores the load takes its part of both.`,
    '',
  ].join('\n');
  log(`\n${markdown}`);
  if (values.out !== 'none') {
    mkdirSync(values.out, { recursive: true });
    const file = join(values.out, `${date}-workers`);
    writeFileSync(`${file}.json`, `${JSON.stringify({ benchmark: 'workers', date, machine, revision, load: load.name, rounds, seconds, connections, coresOfItsOwn: own, speedup, problems, runs: { one: contestants[0]?.runs, two: contestants[1]?.runs } }, null, 1)}\n`);
    writeFileSync(`${file}.md`, markdown);
    log(`written to ${file}.{json,md}`);
  }
  process.exitCode = met ? 0 : 1;
} finally {
  await end();
}

function workerRun({ requestsPerSecond, cpuUs, targetShare, loadCoreShare }: Run): WorkerRun {
  return { requestsPerSecond, cpuUs: cpuUs!, apexCores: targetShare!, otherCores: loadCoreShare, idleCores: Math.max(0, used - targetShare! - loadCoreShare) };
}
