import { type thisMachine } from '../gateway/machine.js';
import { type Speedup, type WorkerRun } from './speedup.js';

const AIM = 1.7;
const QUIET_FOREIGN_SHARE = 0.05;

/** Where the processes' CPU time comes from: cores of their own; a share of a core each, held by the kernel; what they get of the cores that they share with all. */
export type Way = 'own' | 'quota' | 'shared';

export interface WorkersReport {
  readonly benchmark: 'workers';
  readonly date: string;
  readonly machine: ReturnType<typeof thisMachine>;
  readonly revision: string | null;
  readonly load: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly way: Way;
  /** Of a core, for each process; null: no such limit. */
  readonly quota: number | null;
  readonly speedup: Speedup;
  readonly problems: readonly string[];
  /** What others used of both cores. */
  readonly foreign: number;
}

/** The report for people, and whether two processes do what they should. */
export function renderMarkdown(report: WorkersReport): { readonly markdown: string; readonly met: boolean } {
  const { date, machine, revision, load, rounds, seconds, connections, way, quota, speedup, problems, foreign } = report;
  const answer = way === 'shared' ? speedup.perCore : speedup.measured;
  const doubts = way === 'own' ? [] : speedup.doubts;
  const shown = problems.length === 0 && doubts.length === 0;
  const met = shown && answer >= AIM;
  const verdict = met ? 'met' : shown ? 'missed' : 'not shown';
  const places: Readonly<Record<Way, string>> = {
    own: 'Apex has two cores; load, upstream and stores the others.',
    quota: `Apex, load, upstream, Postgres and Redis share two cores, and nothing is pinned; each process that serves may have ${quota} of a core, held to it by the kernel (CPU bandwidth control).`,
    shared: 'Apex, load, upstream, Postgres and Redis share two cores, and nothing is pinned.',
  };
  const conclusions: Readonly<Record<Way, string>> = {
    own: `Two processes on two cores do ${answer.toFixed(2)} x one (aim: at least ${AIM}): ${verdict}.`,
    quota: `Two processes with ${quota} of a core each do ${answer.toFixed(2)} x one with as much (aim: at least ${AIM}): ${verdict}.`,
    shared: `Two processes with two cores' worth of CPU time do ${answer.toFixed(2)} x one with one core's worth (aim: at least ${AIM}): ${verdict}. This is worked out from CPU time: on two cores the load takes its part of both.`,
  };
  const row = (name: string, run: WorkerRun): string =>
    `| ${name} | ${Math.round(run.requestsPerSecond).toLocaleString('en-US')} | ${run.cpuUs.toFixed(1)} | ${Math.round(1e6 / run.cpuUs).toLocaleString('en-US')} | ${run.apexCores.toFixed(2)} | ${run.otherCores.toFixed(2)} | ${run.idleCores.toFixed(2)} |`;
  const markdown = [
    `# Two processes, ${date}`,
    '',
    problems.length === 0 ? 'Valid: every answer was whole, came from the upstream, and was recorded.' : '**INVALID. Do not quote.**',
    ...problems.map((problem) => `- problem: ${problem}`),
    ...doubts.map((doubt) => `- doubt: ${doubt}`),
    ...(foreign > QUIET_FOREIGN_SHARE ? [`- warning: others used up to ${foreign.toFixed(2)} of a core: noisy, not for quoting`] : []),
    ...(rounds < 3 ? [`- warning: ${rounds} round(s): not a median, not for quoting`] : []),
    '',
    `${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}; load by ${load}; revision ${revision ?? 'uncommitted'}.`,
    `${rounds} interleaved rounds of ${seconds} s, JSON, 1 KB, ${connections} connections, medians. ${places[way]}`,
    '',
    '| Processes | requests/s | CPU us/request | requests per CPU second of Apex | cores of Apex | of the others | idle |',
    '|-|-:|-:|-:|-:|-:|-:|',
    row('1', speedup.one),
    row('2', speedup.two),
    '',
    `Requests per second as measured: ${speedup.measured.toFixed(2)} x. Requests per CPU second of Apex: ${speedup.efficiency.toFixed(2)} x.`,
    conclusions[way],
    '',
  ].join('\n');
  return { markdown, met };
}
