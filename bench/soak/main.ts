/**
 * `npm run bench:soak`: Apex with everything on under a steady load, JSON and streams in turn, at a share of what it can
 * do at most. Does memory grow, does the event loop stall, does the journal keep up, is every request in the books?
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { CleanUp } from '../clean-up.js';
import { findLoadGenerator } from '../gateway/generators.js';
import { sourceRevision, takeCores, thisMachine } from '../gateway/machine.js';
import { type LoadResult } from '../gateway/load.js';
import { cacheDir, NODE_FLAGS, projectRoot } from '../gateway/paths.js';
import { processTree, residentMib } from '../gateway/proc.js';
import { chatBody } from '../gateway/requests.js';
import { apex } from '../gateway/targets/apex.js';
import { startUpstream } from '../gateway/upstream.js';
import { type PacedPlan, type PacedResult } from './paced-load.js';
import { type Sample, slopePerMinute } from './slope.js';

const SAMPLE_MS = 5_000;
const CONNECTIONS = 64;
const DRAIN_POLL_MS = 100;
const BODIES = [chatBody('json', 1_024), chatBody('sse', 1_024)];
/** What memory does in the first minute is filling caches and growing heaps. */
const SETTLED_SECONDS = 60;
const LIMITS = { slopeMibPerMinute: 1, loopP99Ms: 20, drainSeconds: 30 };

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, share: { type: 'string', default: '0.7' }, out: { type: 'string', default: join(projectRoot, 'bench/results') } } });
const seconds = Number(values.minutes) * 60;
const share = Number(values.share);
if (!(seconds > 0) || !(share > 0 && share <= 1)) {
  console.error('bench:soak: --minutes takes a positive number, --share one above 0 and up to 1');
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), 'apex-soak-'));
chmodSync(scratch, 0o755);
const logs = join(cacheDir, 'bench-logs');
mkdirSync(logs, { recursive: true });
const cores = takeCores();
const log = (line: string): void => console.log(line);
const cleanUp = new CleanUp(log);
cleanUp.add(() => rmSync(scratch, { recursive: true, force: true }));

try {
  const load = await findLoadGenerator(scratch, log);
  const upstream = await startUpstream({ kind: 'http', core: cores?.load ?? null, scratch, logs });
  cleanUp.add(() => upstream.stop());
  const running = await apex.start({ upstream: upstream.origin, caFile: upstream.caFile, core: cores?.target ?? null, scratch, logs, nodeFlags: NODE_FLAGS, log });
  cleanUp.add(() => running.stop());

  log('looking for the most it can do');
  const burst = [];
  const most = [];
  for (const body of BODIES) {
    const run = (length: number): Promise<LoadResult> => load.run({ url: running.url, headers: running.headers, body, connections: CONNECTIONS, seconds: length });
    await run(3);
    await untilDrained(running.url);
    const from = performance.now();
    const { completed, requestsPerSecond } = await run(8);
    await untilDrained(running.url);
    burst.push(requestsPerSecond);
    most.push((completed * 1_000) / (performance.now() - from));
  }
  const maximum = inTurn(most);
  const perSecond = Math.round(maximum * share);
  log(`${Math.round(maximum)} requests/s at most, recorded (${Math.round(inTurn(burst))} answered, some recorded later); now ${perSecond} requests/s for ${seconds} s`);

  const settle = await running.beginAccount!();
  const plan: PacedPlan = { url: running.url, headers: running.headers, bodies: BODIES, connections: CONNECTIONS, perSecond, seconds };
  const paced = promisify(execFile)(process.execPath, [new URL('paced-load.js', import.meta.url).pathname, JSON.stringify(plan)], { maxBuffer: 1 << 20 });
  cleanUp.add(() => paced.child.kill());
  // It fails when a signal ends all this, long before anybody waits for it: that must not end what is still to be undone.
  paced.catch(() => undefined);
  const samples: Sample[] = [];
  const startedAt = performance.now();
  await look(running.url, running.pid!, startedAt);
  while (performance.now() - startedAt < seconds * 1_000) {
    await delay(SAMPLE_MS);
    const sample = await look(running.url, running.pid!, startedAt);
    samples.push(sample);
    if (samples.length % 12 === 0) log(`${Math.round(sample.seconds)} s: ${sample.residentMib.toFixed(0)} MiB, event loop p99 ${sample.loopP99Ms.toFixed(1)} ms, backlog ${sample.backlogMib.toFixed(1)} MiB`);
  }
  const result = JSON.parse((await paced).stdout) as PacedResult;
  const settlement = await settle(result.completed, () => undefined);
  const settled = samples.filter((sample) => sample.seconds > Math.min(SETTLED_SECONDS, seconds / 2));
  const slope = slopePerMinute(settled, (sample) => sample.residentMib);
  const loopP99Ms = [...settled].sort((a, b) => a.loopP99Ms - b.loopP99Ms)[Math.floor(settled.length / 2)]!.loopP99Ms;
  const worstLoopMs = Math.max(...settled.map((sample) => sample.loopP99Ms));
  const checks = [
    { what: `RSS slope after the first minute under ${LIMITS.slopeMibPerMinute} MiB/min`, seen: `${slope.toFixed(2)} MiB/min`, holds: slope < LIMITS.slopeMibPerMinute },
    { what: `event-loop delay p99 under ${LIMITS.loopP99Ms} ms (median of ${SAMPLE_MS / 1_000} s windows; the worst is told beside it)`, seen: `${loopP99Ms.toFixed(1)} ms, worst window ${worstLoopMs.toFixed(1)} ms`, holds: loopP99Ms < LIMITS.loopP99Ms },
    { what: `journal drained within ${LIMITS.drainSeconds} s`, seen: `${settlement.drainSeconds.toFixed(1)} s`, holds: settlement.drainSeconds < LIMITS.drainSeconds },
    { what: 'no errors, nothing unsent', seen: `${result.errors} errors, ${result.unsent} unsent of ${result.completed}`, holds: result.errors === 0 && result.unsent === 0 },
    { what: 'records exact', seen: `${settlement.recorded} records for ${result.completed} answers`, holds: settlement.recorded === result.completed },
  ];
  const date = new Date().toISOString().slice(0, 10);
  const report = { date, machine: thisMachine(), revision: sourceRevision(), load: { perSecond, maximum: Math.round(maximum), burst: Math.round(inTurn(burst)), share, seconds, connections: CONNECTIONS }, latency: { p50Us: result.p50Us, p99Us: result.p99Us }, checks, samples };
  const markdown = [
    `# Soak, ${date}`,
    '',
    `${report.machine.cores} cores, ${report.machine.cpu}, ${report.machine.memoryGib} GiB, Node ${process.version}; revision ${report.revision ?? 'uncommitted'}. The process under test has one core; load, upstream and stores the other.`,
    `${perSecond} requests/s (${share} of ${Math.round(maximum)}, the most that it answers and records; ${Math.round(inTurn(burst))} while records may wait), 1 KB, JSON and 20-chunk streams in turn, ${seconds} s, ${CONNECTIONS} connections, open loop: latency counts from when a request was due. p50 ${(result.p50Us / 1_000).toFixed(2)} ms, p99 ${(result.p99Us / 1_000).toFixed(2)} ms.`,
    '',
    '| Must hold | Seen | |',
    '|-|-|-|',
    ...checks.map(({ what, seen, holds }) => `| ${what} | ${seen} | ${holds ? 'met' : 'missed'} |`),
    '',
  ].join('\n');
  log(`\n${markdown}`);
  if (values.out !== 'none') {
    mkdirSync(values.out, { recursive: true });
    writeFileSync(join(values.out, `${date}-soak.json`), `${JSON.stringify(report, null, 1)}\n`);
    writeFileSync(join(values.out, `${date}-soak.md`), markdown);
  }
  process.exitCode = checks.every(({ holds }) => holds) ? 0 : 1;
} finally {
  await cleanUp.run();
}

/** One of each in turn takes the sum of both times. */
function inTurn(rates: readonly number[]): number {
  return rates.length / rates.reduce((time, rate) => time + 1 / rate, 0);
}

async function metrics(url: string): Promise<(name: string) => number> {
  const text = await (await fetch(new URL('/metrics', url))).text();
  return (name) => {
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    if (line === undefined) throw new Error(`/metrics has no ${name}`);
    return Number(line.slice(line.lastIndexOf(' ') + 1));
  };
}

async function look(url: string, pid: number, startedAt: number): Promise<Sample> {
  const read = await metrics(url);
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    residentMib: residentMib(processTree(pid)),
    loopP99Ms: read('apex_event_loop_delay_seconds{quantile="0.99"}') * 1_000,
    backlogMib: read('apex_journal_backlog_bytes') / 2 ** 20,
  };
}

async function untilDrained(url: string): Promise<void> {
  for (;;) {
    if ((await metrics(url))('apex_journal_backlog_bytes') === 0) return;
    await delay(DRAIN_POLL_MS);
  }
}
