/** `npm run bench:gateway`: Apex, a bare proxy and a peer side by side against one fast upstream. See bench/README.md. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CleanUp } from '../clean-up.js';
import { findLoadGenerator } from './generators.js';
import { requireOpenFiles, sourceRevision, takeCores, thisMachine } from './machine.js';
import { measure, type Bench, type Run } from './measure.js';
import { cacheDir, NODE_FLAGS, projectRoot } from './paths.js';
import { casesOf, describeCase, expectedMinutes, parseOptions, resultName, secondsOf, USAGE, type Options } from './plan.js';
import { buildReport, renderMarkdown, type CaseRuns, type LeftOut, type Subject } from './report.js';
import { rotated } from './stats.js';
import { TARGETS } from './targets/index.js';
import { type RunningTarget, type Surroundings, type Target } from './targets/target.js';
import { startUpstream } from './upstream.js';
import { verifyTarget } from './verify.js';

interface Contestant {
  readonly subject: Subject;
  readonly running: RunningTarget;
}

const log = (line: string): void => console.log(line);

async function bench(options: Options): Promise<boolean> {
  requireOpenFiles(Math.max(...options.connections));
  const cores = takeCores();
  const scratch = mkdtempSync(join(tmpdir(), 'apex-bench-'));
  // An embedded Postgres may run as another user, who has to get to its folder in here.
  chmodSync(scratch, 0o755);
  const logs = join(cacheDir, 'bench-logs');
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  const cleanUp = new CleanUp(log);
  cleanUp.add(() => rmSync(scratch, { recursive: true, force: true }));
  try {
    const load = await findLoadGenerator(scratch, log);
    const upstream = await startUpstream({ kind: options.upstream, core: cores?.load ?? null, scratch, logs });
    cleanUp.add(() => upstream.stop());

    const contestants: Contestant[] = [];
    const leftOut: LeftOut[] = [];
    for (const target of TARGETS.filter(({ name }) => options.targets.includes(name))) {
      log(`starting ${target.name}`);
      try {
        const running = await startVerified(target, { upstream: upstream.origin, caFile: upstream.caFile, core: cores?.target ?? null, scratch, logs, nodeFlags: flagsFor(target.name, options), log }, options);
        cleanUp.add(() => running.stop());
        contestants.push({ subject: { name: target.name, what: target.what, version: running.version, peer: target.peer }, running });
      } catch (error) {
        if (!target.peer) throw error;
        const [reason = ''] = (error as Error).message.split('\n');
        log(`  left out: ${reason}`);
        leftOut.push({ name: target.name, reason });
      }
    }

    log(`about ${Math.ceil(expectedMinutes(options, contestants.length))} minutes of loads`);
    const cases = await measureAll({ load, statsOrigin: upstream.statsOrigin, upstreamPid: upstream.pid, cores }, contestants, options);
    const report = buildReport({
      date: new Date().toISOString().slice(0, 10), machine: thisMachine(), revision: sourceRevision(), load: load.name,
      pinned: cores !== null, options, subjects: contestants.map(({ subject }) => subject), leftOut,
    }, cases);
    const markdown = renderMarkdown(report);
    log(`\n${markdown}`);
    if (options.out !== null) {
      mkdirSync(options.out, { recursive: true });
      const file = join(options.out, `${report.date}-${resultName(options)}`);
      writeFileSync(`${file}.json`, `${JSON.stringify(report, null, 1)}\n`);
      writeFileSync(`${file}.md`, markdown);
      log(`written to ${file}.{json,md}`);
    }
    return report.valid;
  } finally {
    await cleanUp.run();
  }
}

const flagsFor = (name: string, { profile }: Options): readonly string[] => (profile === null ? NODE_FLAGS : [...NODE_FLAGS, '--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`, `--cpu-prof-name=${name}.cpuprofile`]);

async function startVerified(target: Target, surroundings: Surroundings, { modes }: Options): Promise<RunningTarget> {
  const running = await target.start(surroundings);
  try {
    await verifyTarget(target.name, running, modes);
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

async function measureAll(setting: Bench, contestants: readonly Contestant[], options: Options): Promise<CaseRuns[]> {
  const cases = casesOf(options);
  for (const { subject, running } of contestants) {
    for (const mode of options.modes) {
      log(`warming up ${subject.name}, ${mode}`);
      const { problems } = await measure(setting, subject.name, running, { mode, bodyBytes: 1024, connections: 64 }, options.warmUpSeconds);
      for (const problem of problems) log(`  while warming up: ${problem}`);
    }
  }
  const results = cases.map((which) => ({ which, runs: new Map<string, Run[]>(contestants.map(({ subject }) => [subject.name, []])) }));
  for (let round = 0; round < options.rounds; round++) {
    for (const { which, runs } of results) {
      for (const { subject, running } of rotated(contestants, round)) {
        const run = await measure(setting, subject.name, running, which, secondsOf(options, which));
        runs.get(subject.name)?.push(run);
        log(`round ${round + 1}/${options.rounds}, ${describeCase(which)}, ${subject.name}: ${summary(run)}`);
      }
    }
  }
  return results;
}

function summary({ requestsPerSecond, p50Us, cpuUs, settlement, problems }: Run): string {
  return [
    `${Math.round(requestsPerSecond)} requests/s`, `p50 ${(p50Us / 1000).toFixed(3)} ms`,
    ...(cpuUs === null ? [] : [`${cpuUs.toFixed(1)} us CPU`]),
    ...(settlement ? [`${settlement.recorded} recorded, drained in ${settlement.drainSeconds.toFixed(1)} s`] : []),
    ...problems.map((problem) => `PROBLEM ${problem}`),
  ].join(', ');
}

if (process.argv.includes('--help')) {
  log(USAGE);
} else {
  try {
    const options = parseOptions(process.argv.slice(2), TARGETS.map(({ name }) => name), join(projectRoot, 'bench/results'));
    process.exitCode = (await bench(options)) ? 0 : 1;
  } catch (error) {
    console.error(`bench:gateway: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
