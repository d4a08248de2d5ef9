import { type Machine } from './machine.js';
import { type Run } from './measure.js';
import { describeCase, type Case, type Options } from './plan.js';
import { median, medianDifference, medianRatio, spread } from './stats.js';

export interface CaseRuns {
  readonly which: Case;
  /** Of each target, in the order of the rounds. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
}

export interface Subject {
  readonly name: string;
  readonly what: string;
  readonly version: string;
  readonly peer: boolean;
}

/** A target that was asked for and is not in the report. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export interface Circumstances {
  readonly date: string;
  readonly machine: Machine;
  readonly revision: string | null;
  readonly load: string;
  readonly pinned: boolean;
  readonly options: Options;
  readonly subjects: readonly Subject[];
  readonly leftOut: readonly LeftOut[];
}

/** Medians over the rounds. Null: not measured here, or without meaning here. */
export interface Figures {
  readonly target: string;
  /** It did not do its work in this case: its figures stand for nothing, and nothing is compared with them. */
  readonly failed: boolean;
  readonly requestsPerSecond: number;
  /** (max - min) / median of the rounds' requests per second. */
  readonly spread: number;
  readonly cpuUs: number | null;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly addedP50Us: number | null;
  readonly residentMib: number | null;
  readonly targetShare: number | null;
  readonly loadCoreShare: number;
  readonly upstreamShare: number;
  readonly postgresShare: number;
  readonly drainSeconds: number | null;
  /** Requests per second against each other target's, medians of the ratios inside the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Report extends Omit<Circumstances, 'options'> {
  readonly benchmark: 'gateway';
  readonly valid: boolean;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly options: Options;
  readonly cases: readonly { readonly which: Case; readonly figures: readonly Figures[]; readonly runs: Readonly<Record<string, readonly Run[]>> }[];
}

/** What Apex is held to in requests per second, at more than one connection. */
const AIMS = [{ against: 'bare', atLeast: 0.95 }, { against: 'portkey', atLeast: 10 }] as const;
/** What it is held to at one connection: so much more than the bare proxy may it add to the median latency. */
const ADDED_P50_AIM_US = 50;
const FOREIGN_LIMIT = 0.05;
const SATURATED = 0.9;

export function buildReport(circumstances: Circumstances, cases: readonly CaseRuns[]): Report {
  const peers = new Set(circumstances.subjects.filter(({ peer }) => peer).map(({ name }) => name));
  const seen = cases.flatMap(({ runs }) => [...runs].flatMap(([target, list]) => list.flatMap((run) => run.problems.map((problem) => ({ target, problem: `${target}: ${problem}` })))));
  // A peer that breaks under a load says nothing against what was measured of the others.
  const problems = seen.filter(({ target }) => !peers.has(target)).map(({ problem }) => problem);
  const ofPeers = seen.filter(({ target }) => peers.has(target)).map(({ problem }) => `${problem}: its figures do not count there`);
  return {
    benchmark: 'gateway',
    ...circumstances,
    valid: problems.length === 0,
    problems,
    warnings: [...ofPeers, ...warningsOf(circumstances), ...cases.flatMap(warningsOfCase)],
    cases: cases.map(({ which, runs }) => ({ which, figures: figuresOf(which, runs), runs: Object.fromEntries(runs) })),
  };
}

export function figuresOf({ connections }: Case, all: ReadonlyMap<string, readonly Run[]>): Figures[] {
  const rates = (name: string): number[] => (all.get(name) ?? []).map(({ requestsPerSecond }) => requestsPerSecond);
  const p50s = (name: string): number[] => (all.get(name) ?? []).map(({ p50Us }) => p50Us);
  const failed = new Set([...all].filter(([, runs]) => runs.some(({ problems }) => problems.length > 0)).map(([target]) => target));
  return [...all].map(([target, runs]) => {
    const others = failed.has(target) || target === 'direct' ? [] : [...all.keys()].filter((other) => other !== target && other !== 'direct' && !failed.has(other));
    const middle = (pick: (run: Run) => number | null): number | null => {
      const values = runs.map(pick).filter((value) => value !== null);
      return values.length === 0 ? null : median(values);
    };
    return {
      target,
      failed: failed.has(target),
      requestsPerSecond: median(rates(target)),
      spread: spread(rates(target)),
      cpuUs: middle(({ cpuUs }) => cpuUs),
      p50Us: median(p50s(target)),
      p99Us: median(runs.map(({ p99Us }) => p99Us)),
      addedP50Us: connections === 1 && target !== 'direct' ? medianDifference(p50s(target), p50s('direct')) : null,
      residentMib: middle((run) => run.residentMib),
      targetShare: middle(({ targetShare }) => targetShare),
      loadCoreShare: median(runs.map(({ loadCoreShare }) => loadCoreShare)),
      upstreamShare: median(runs.map(({ upstreamShare }) => upstreamShare)),
      postgresShare: median(runs.map(({ postgresShare }) => postgresShare)),
      drainSeconds: middle(({ settlement }) => settlement?.drainSeconds ?? null),
      ratios: Object.fromEntries(others.map((other) => [other, medianRatio(rates(target), rates(other))])),
    };
  });
}

function warningsOf({ pinned, options }: Circumstances): string[] {
  return [
    ...(pinned ? [] : ['nothing was pinned to a core: targets, load and stores took what they found']),
    ...(options.rounds < 3 ? [`${options.rounds} round(s): not a median, not for quoting`] : []),
  ];
}

function warningsOfCase({ which, runs }: CaseRuns): string[] {
  const list = [...runs.values()].flat();
  const foreign = Math.max(...list.map(({ foreignShare }) => foreignShare));
  const noisy = foreign > FOREIGN_LIMIT ? [`${describeCase(which)}: others used up to ${percent(foreign)} of a core: noisy, not for quoting`] : [];
  const idle = which.connections === 1 ? [] : [...runs].flatMap(([target, own]) => {
    const shares = own.flatMap(({ targetShare }) => targetShare ?? []);
    return shares.length > 0 && median(shares) < SATURATED ? [`${describeCase(which)}: ${target} used ${percent(median(shares))} of its core: load, upstream or stores were the limit; compare CPU per request`] : [];
  });
  return [...noisy, ...idle];
}

export function renderMarkdown(report: Report): string {
  const { machine, options } = report;
  const versions = report.subjects.map(({ name, version, what }) => `- **${name}** (${version}): ${what}`);
  return [
    `# Gateway benchmark, ${report.date}`,
    '',
    report.valid ? 'Valid: every answer was whole, came from the upstream, and was recorded where records are kept.' : '**INVALID. Do not quote.**',
    ...report.problems.map((problem) => `- problem: ${problem}`),
    ...report.warnings.map((warning) => `- warning: ${warning}`),
    '',
    `${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}; load by ${report.load}; upstream over ${options.upstream === 'tls' ? 'TLS' : 'plain HTTP'}; revision ${report.revision ?? 'uncommitted'}.`,
    `${options.rounds} interleaved rounds of ${options.seconds} s (${options.secondsAlone} s at one connection, twice as long at more than 256), medians. ${report.pinned ? 'The process under test has one core; load, upstream and stores the other.' : 'Not pinned.'}`,
    '',
    ...versions,
    ...report.leftOut.map(({ name, reason }) => `- **${name}** is left out: ${reason}`),
    ...summary(report),
    ...report.cases.flatMap(({ which, figures }) => ['', `## ${describeCase(which)}`, '', ...table(which, figures), ...aims(which, figures)]),
    '',
    'CPU is user and system time of the process under test per request, work after the load (recording) included. "core used" is how much of its core the process under test took, "load core" how busy the other core was, and "upstream" and "Postgres" their parts of it. Added p50 is against the same load straight to the upstream. See bench/README.md.',
    '',
  ].join('\n');
}

/** Apex against each of the others, one line for each case. */
function summary({ cases, subjects, valid }: Report): string[] {
  if (!valid || !cases.some(({ figures }) => figures.some(({ target }) => target === 'apex'))) return [];
  const against = subjects.map(({ name }) => name).filter((name) => name !== 'direct' && name !== 'apex');
  const head = ['Apex', 'requests/s', 'CPU us/request', ...against.map((name) => `x ${name}`), ...(against.includes('bare') ? ['x bare by CPU'] : []), 'added p50 ms', 'of bare'];
  const rows = cases.flatMap(({ which, figures }) => {
    const of = (name: string): Figures | undefined => figures.find(({ target }) => target === name);
    const apex = of('apex');
    if (!apex) return [];
    const added = (figure: Figures | undefined): string => (figure?.addedP50Us == null ? '' : ms(figure.addedP50Us));
    const bareCpu = of('bare')?.cpuUs;
    return [[
      describeCase(which),
      Math.round(apex.requestsPerSecond).toLocaleString('en-US'),
      apex.failed ? 'failed' : apex.cpuUs?.toFixed(1) ?? '',
      ...against.map((name) => (of(name)?.failed ? 'failed' : apex.ratios[name]?.toFixed(2) ?? '')),
      ...(against.includes('bare') ? [bareCpu && apex.cpuUs ? (bareCpu / apex.cpuUs).toFixed(2) : ''] : []),
      added(apex),
      added(of('bare')),
    ]];
  });
  return ['', '## Summary', '', ...grid(head, rows)];
}

function table({ connections }: Case, figures: readonly Figures[]): string[] {
  const alone = connections === 1;
  const against = figures.map(({ target }) => target).filter((name) => name !== 'direct');
  const head = ['', 'requests/s', 'spread', 'CPU us/request', 'p50 ms', 'p99 ms', ...(alone ? ['added p50 ms'] : against.map((name) => `x ${name}`)), 'RSS MiB', 'core used', 'load core', 'upstream', 'Postgres', 'drain s'];
  const rows = figures.map((f) => [
    f.failed ? `${f.target} (failed)` : f.target,
    Math.round(f.requestsPerSecond).toLocaleString('en-US'),
    f.failed ? '' : percent(f.spread),
    f.cpuUs === null || f.failed ? '' : f.cpuUs.toFixed(1),
    ms(f.p50Us),
    ms(f.p99Us),
    ...(alone ? [f.addedP50Us === null ? '' : ms(f.addedP50Us)] : against.map((name) => f.ratios[name]?.toFixed(2) ?? '')),
    f.residentMib === null ? '' : f.residentMib.toFixed(0),
    f.targetShare === null ? '' : percent(f.targetShare),
    percent(f.loadCoreShare),
    percent(f.upstreamShare),
    f.drainSeconds === null ? '' : percent(f.postgresShare),
    f.drainSeconds === null ? '' : f.drainSeconds.toFixed(1),
  ]);
  return grid(head, rows);
}

const grid = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [head, head.map((_, i) => (i === 0 ? '-' : '-:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`);

function aims({ connections }: Case, figures: readonly Figures[]): string[] {
  const apex = figures.find(({ target }) => target === 'apex');
  if (!apex) return [];
  if (connections === 1) {
    const bare = figures.find(({ target }) => target === 'bare');
    if (apex.addedP50Us === null || bare?.addedP50Us == null) return [];
    const over = apex.addedP50Us - bare.addedP50Us;
    return ['', `Apex adds ${ms(apex.addedP50Us)} ms to the median latency, bare ${ms(bare.addedP50Us)} ms (aim: at most ${ms(ADDED_P50_AIM_US)} ms more): ${over <= ADDED_P50_AIM_US ? 'met' : 'missed'}.`];
  }
  return AIMS.flatMap(({ against, atLeast }) => {
    const ratio = apex.ratios[against];
    const theirs = figures.find(({ target }) => target === against)?.cpuUs;
    const byCpu = theirs && apex.cpuUs ? `; by CPU per request ${(theirs / apex.cpuUs).toFixed(2)} x` : '';
    return ratio === undefined ? [] : ['', `Apex is at ${ratio.toFixed(2)} x ${against} (aim: at least ${atLeast}): ${ratio >= atLeast ? 'met' : 'missed'}${byCpu}.`];
  });
}

const percent = (share: number): string => `${(share * 100).toFixed(0)}%`;
const ms = (us: number): string => (us / 1000).toFixed(us < 10_000 ? 3 : 1);
