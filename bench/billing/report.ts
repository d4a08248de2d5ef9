import { type Machine } from '../gateway/machine.js';
import { type Peak } from './memory.js';

export interface StepRun extends Peak {
  readonly step: string;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly problems: readonly string[];
  /** What else is worth telling. */
  readonly figures: readonly string[];
}

export interface SizeRun {
  readonly records: number;
  readonly steps: readonly StepRun[];
}

export interface Report {
  readonly benchmark: 'billing';
  readonly date: string;
  readonly machine: Machine;
  readonly revision: string | null;
  readonly valid: boolean;
  readonly problems: readonly string[];
  /** Each step's limit for what V8 keeps. */
  readonly heapMib: number;
  readonly steps: readonly { readonly name: string; readonly what: string }[];
  readonly sizes: readonly SizeRun[];
}

/** What a process may differ by that collects its garbage now or then, whatever it holds. */
const SLACK_MIB = 48;

/** Memory that grew with the rows: ten times as many may not need noticeably more. @param exempt steps that say themselves what they may take */
export function growthOf(sizes: readonly SizeRun[], exempt: ReadonlySet<string>): string[] {
  const [smallest, ...others] = [...sizes].sort((one, other) => one.records - other.records);
  return others.flatMap(({ records, steps }) =>
    steps.filter(({ step }) => !exempt.has(step)).flatMap((run) => {
      const small = smallest!.steps.find(({ step }) => step === run.step)!;
      const grew = (who: string, was: number | null, is: number | null): string[] =>
        was !== null && is !== null && is > was + SLACK_MIB ? [`${run.step}: ${who} took ${is} MiB for ${records} records and ${was} MiB for ${smallest!.records}`] : [];
      return [...grew('Node', small.nodeMib, run.nodeMib), ...grew('Postgres', small.postgresMib, run.postgresMib)];
    }),
  );
}

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

export function renderMarkdown({ date, machine, revision, valid, problems, heapMib, steps, sizes }: Report): string {
  const lines = [
    `# Billing benchmark, ${date}`,
    '',
    valid ? 'Valid: all sums are exact, and memory does not grow with the rows.' : `INVALID: ${problems.join('; ')}`,
    '',
    `${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}${revision === null ? '' : `; revision ${revision}`}.`,
    `Usage of 20 customers with 2 keys and 4 models over 30 days, in no order of time, one request in 200 settled later; Postgres as \`npm start\` brings it. Each step is a process of its own with a heap of at most ${heapMib} MiB (\`--max-old-space-size\`). Node: the most that it had resident; Postgres: anonymous memory of all its processes, without shared buffers.`,
    '',
    ...steps.map(({ name, what }) => `- **${name}**: ${what}`),
  ];
  for (const { records, steps: runs } of sizes) {
    lines.push('', `## ${count(records)} usage records`, '', '|  | seconds | records/s | Node MiB | Postgres MiB |  |', '| - | -: | -: | -: | -: | - |');
    for (const run of runs) lines.push(`| ${run.step} | ${run.seconds.toFixed(1)} | ${count(run.recordsPerSecond)} | ${run.nodeMib} | ${run.postgresMib ?? ''} | ${run.figures.join('; ')} |`);
  }
  return `${lines.join('\n')}\n`;
}
