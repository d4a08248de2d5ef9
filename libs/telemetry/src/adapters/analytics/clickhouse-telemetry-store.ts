import { ApexError } from '@apex/common';
import { type Analytics, type AnalyticsFilter, type AnalyticsGrouping, type AnalyticsQuery, INTERVAL_MS } from '../../core/analytics/analytics.types.js';
import { assemble, type Cell, KEY_PREFIX, NO_KEY, PERCENTILES, SUM_COLUMNS, type SumColumn, TOTAL, WHOLE_PERIOD } from '../../core/analytics/cells.js';
import { intLiteral, stringLiteral } from '../../core/analytics/literals.js';
import { TelemetryStore } from '../../ports/telemetry-store.js';
import { type ClickHouseEvents, ClickHouseFailure, EVENTS_TABLE } from './clickhouse-events.js';

const QUERY_TIMEOUT_MS = 30_000;

const present = (expression: string): string => `concat('${KEY_PREFIX}', ${expression})`;
const column = (name: string): string => `[${present(name)}]`;
const nullable = (name: string): string => `[ifNull(${present(name)}, '${NO_KEY}')]`;

/** The marks of the groups that a request is in. */
const GROUPS: Readonly<Record<AnalyticsGrouping, string | null>> = {
  none: null,
  model: nullable('requested_model'),
  servedModel: nullable('served_model'),
  provider: nullable('provider'),
  surface: column('surface'),
  customer: column('customer_id'),
  key: column('toString(key_id)'),
  cohort: column('cohort'),
  status: column('status'),
  errorCode: nullable('error_code'),
  tag: `if(empty(tags), ['${NO_KEY}'], arrayMap(tag -> ${present('tag')}, tags))`,
};

const FILTERS: Readonly<Record<AnalyticsFilter, (literal: string) => string>> = {
  model: (literal) => `requested_model = ${literal}`,
  key: (literal) => `toString(key_id) = ${literal}`,
  status: (literal) => `status = ${literal}`,
  cohort: (literal) => `cohort = ${literal}`,
  tag: (literal) => `has(tags, ${literal})`,
};

/** Sums of 64-bit integers wrap; those of decimals have 38 digits. */
const sum = (name: string): string => `toString(sum(toDecimal128(${name}, 0)))`;

/** An alias that is also a column's name would be taken for the column's value. */
const alias = (name: SumColumn): string => `sum_of_${name}`;

const SUMS: Readonly<Record<SumColumn, string>> = {
  requests: 'toString(count())',
  final: `toString(countIf(status = 'final'))`,
  failed: `toString(countIf(status = 'failed'))`,
  denied: `toString(countIf(status = 'denied'))`,
  aborted: `toString(countIf(status = 'aborted'))`,
  interrupted: `toString(countIf(status = 'interrupted'))`,
  prompt_tokens: sum('prompt_tokens'),
  cached_tokens: sum('cached_tokens'),
  cache_write_tokens: sum('cache_write_tokens'),
  completion_tokens: sum('completion_tokens'),
  reasoning_tokens: sum('reasoning_tokens'),
  cost_pd: sum('cost_pd'),
  unpriced: 'toString(sum(unpriced))',
  unknown_attempts: sum('unknown_attempts'),
};

/** `quantilesExactWeighted` of weight 1 is the ceil(p x n)-th smallest value; `quantileExact` is not. Two texts: numbers and their maximum. */
const latency = (name: string): string => {
  const measured = `status = 'final' AND isNotNull(${name})`;
  const value = `ifNull(${name}, 0)`;
  return `if(countIf(${measured}) = 0, '', concat(arrayStringConcat(arrayMap(x -> toString(x), quantilesExactWeightedIf(${PERCENTILES.join(', ')})(${value}, 1, ${measured})), ','), ',', toString(maxIf(${value}, ${measured}))))`;
};

/** Texts only, in an array: tuples and numbers are written differently by different versions. */
const CELL = `[toString(slot), ${SUM_COLUMNS.map((name) => alias(name)).join(', ')}, duration, first_byte]`;

function statementOf({ customerId, from, to, groupBy, interval, where, limit }: AnalyticsQuery): string {
  const groups = GROUPS[groupBy];
  const conditions = [`at_ms >= ${intLiteral(from.getTime())}`, `at_ms < ${intLiteral(to.getTime())}`];
  if (customerId !== null) conditions.push(`customer_id = ${stringLiteral(customerId)}`);
  for (const [name, value] of Object.entries(where)) conditions.push(FILTERS[name as AnalyticsFilter](stringLiteral(value)));
  const whole = `toInt64(${WHOLE_PERIOD})`;
  const slots = interval === null ? `[${whole}]` : `[${whole}, intDiv(at_ms, ${INTERVAL_MS[interval]}) * ${INTERVAL_MS[interval]}]`;
  return `
    SELECT mark, groupArray(${CELL}) AS cells FROM (
      SELECT ${groups === null ? `'${TOTAL}'` : `arrayJoin(arrayConcat(['${TOTAL}'], ${groups}))`} AS mark, arrayJoin(${slots}) AS slot, count() AS size,
        ${SUM_COLUMNS.map((name) => `${SUMS[name]} AS ${alias(name)}`).join(', ')}, ${latency('duration_ms')} AS duration, ${latency('first_byte_ms')} AS first_byte
      FROM ${EVENTS_TABLE} FINAL WHERE ${conditions.join(' AND ')}
      GROUP BY mark, slot
    ) GROUP BY mark
    ORDER BY mark = '${TOTAL}' DESC, sumIf(size, slot = ${WHOLE_PERIOD}) DESC, mark = '${NO_KEY}', mark
    LIMIT ${intLiteral(limit + 2)}`;
}

/** Answers from ClickHouse's copy of the records. */
export class ClickHouseTelemetryStore extends TelemetryStore {
  readonly name = 'clickhouse';

  constructor(private readonly events: ClickHouseEvents) {
    super();
  }

  async analyze(query: AnalyticsQuery): Promise<Analytics> {
    const rows = await this.events.ask<{ mark: string; cells: string[][] }>(statementOf(query), QUERY_TIMEOUT_MS).catch(toApexError);
    return assemble(query, rows.flatMap(({ mark, cells }) => cells.map((texts) => cellOf(mark, texts))));
  }
}

function cellOf(group: string, [slot, ...texts]: string[]): Cell {
  const [duration, firstByte] = texts.slice(SUM_COLUMNS.length).map((text) => (text === '' ? [] : text.split(',').map(Number)));
  return {
    group,
    slot: Number(slot),
    sums: Object.fromEntries(SUM_COLUMNS.map((name, index) => [name, texts[index]!])) as Record<SumColumn, string>,
    duration: duration!,
    firstByte: firstByte!,
  };
}

/** https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp: TIMEOUT_EXCEEDED */
const TOO_SLOW = 159;

/** What a caller is told of a ClickHouse that does not answer. @throws ApexError 503; other errors as they are */
export function toApexError(error: unknown): never {
  if (!(error instanceof ClickHouseFailure)) throw error;
  const [code, message] = error.code === TOO_SLOW ? ['store_too_slow', 'That took too long. Ask for a shorter period.'] : ['store_unavailable', 'The telemetry store does not answer.'];
  throw new ApexError(code!, 503, message!, { severity: 'operational', cause: error });
}
