import { type DataSource } from 'typeorm';
import { RollupChecks } from '../../libs/billing/src/rollups/rollup-checks.service.js';
import { Rollups } from '../../libs/billing/src/rollups/rollups.service.js';
import { PERIOD } from './usage.js';

export interface StepContext {
  readonly dataSource: DataSource;
  /** For files. */
  readonly dir: string;
  readonly records: number;
}

export interface StepOutcome {
  /** What is wrong with the result; nothing, when it is right. */
  readonly problems: readonly string[];
  /** What else is worth telling. */
  readonly figures?: readonly string[];
}

/** Something that billing does with all records. They are run in this order on one database, each in a process of its own, timed and watched. */
export interface Step {
  readonly name: string;
  readonly what: string;
  /** Its memory grows with its records, and how much for each is among its figures and its problems. */
  readonly grows?: true;
  run(context: StepContext): Promise<StepOutcome>;
}

const SUMMED = ['prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens', 'cost_pd'] as const;
const sums = (prefix = ''): string => SUMMED.map((column) => `sum(${prefix}${column})`).join(', ');

/** Not by the code under test: the sums of both sides, each by one plain statement. */
async function sumsDiffer(dataSource: DataSource): Promise<string[]> {
  const columns = SUMMED.join(', ');
  const [recorded] = await dataSource.query<Array<Record<string, string>>>(`
    select (select count(*) from usage_records)::text as requests, * from (
      select ${SUMMED.map((column) => `sum(${column})::text as ${column}`).join(', ')} from (select ${columns} from usage_records union all select ${columns} from usage_adjustments) both_tables
    ) s`);
  const problems: string[] = [];
  for (const granularity of ['hour', 'day']) {
    const [rolled] = await dataSource.query<Array<Record<string, string>>>(`select sum(requests)::text as requests, ${sums()
      .split(', ')
      .map((sum, index) => `${sum}::text as ${SUMMED[index]!}`)
      .join(', ')} from usage_rollups where granularity = $1`, [granularity]);
    for (const [column, value] of Object.entries(recorded!)) if (rolled![column] !== value) problems.push(`${granularity}: ${column} is ${rolled![column]} in the rollups and ${value} in the records`);
  }
  return problems;
}

const rollup: Step = {
  name: 'rollup',
  what: 'hours and days of all customers, from the records',
  async run({ dataSource }) {
    await new Rollups(dataSource).refresh();
    return { problems: await sumsDiffer(dataSource) };
  },
};

const again: Step = {
  name: 'recompute',
  what: 'the same once more, over what is there',
  async run({ dataSource }) {
    const rollups = new Rollups(dataSource);
    await rollups.markPeriod(PERIOD.from, PERIOD.to);
    await rollups.refresh();
    return { problems: await sumsDiffer(dataSource) };
  },
};

const check: Step = {
  name: 'check',
  what: 'every hour and day compared with its records',
  async run({ dataSource }) {
    const differing = await new RollupChecks(dataSource).check(PERIOD.from, PERIOD.to);
    return { problems: differing === 0 ? [] : [`${differing} buckets differ from their records`] };
  },
};

export const ROLLUP_STEPS: readonly Step[] = [rollup, again, check];
