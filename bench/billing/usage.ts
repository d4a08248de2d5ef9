import { type DataSource } from 'typeorm';

const CHUNK = 100_000;
/** 2026-10-01 to 2026-10-31, UTC. */
const PERIOD_START_MS = Date.UTC(2026, 9, 1);
const PERIOD_MS = 30 * 86_400_000;
const KEY_ID = `('01956c00-0000-7000-8000-' || lpad(to_hex(c * 8 + k), 12, '0'))::uuid`;

/** A number in [0, 2^28) that depends on the row and the purpose alone: every run makes the same usage. */
const drawn = (purpose: string): string => `('x' || substr(md5(i::text || '${purpose}'), 1, 7))::bit(28)::int`;
const oneOf = (purpose: string, values: readonly string[]): string => `(array[${values.map((value) => `'${value}'`).join(', ')}])[1 + ${drawn(purpose)} % ${values.length}]`;
const idOf = (at: string): string => `(substr(lpad(to_hex(${at}), 12, '0'), 1, 8) || '-' || substr(lpad(to_hex(${at}), 12, '0'), 9) || '-7000-8' || substr(md5(i::text), 1, 3) || '-' || lpad(to_hex(i), 12, '0'))::uuid`;

const INSERT_RECORDS = `
  insert into usage_records (request_id, customer_id, key_id, surface, path, cohort, provider, requested_model, served_model, status, attempts, unknown_attempts,
    prompt_tokens, cached_tokens, completion_tokens, usage_source, cost_pd, pricing, price_version, started_at)
  select ${idOf('at')}, 'customer-' || c, ${KEY_ID}, 'chat.completions', 'gateway', case when ${drawn('cohort')} % 20 = 0 then 'control' else 'gateway' end, case when m like 'gpt%' then 'openai' else 'anthropic' end, m, m,
    case when ${drawn('status')} % 50 = 0 then 'aborted' else 'final' end, 1, 0,
    ${drawn('prompt')} % 20000, ${drawn('cached')} % 1000, ${drawn('completion')} % 2000, 'provider', ${drawn('cost')}::bigint * 977, 'priced', '2026-10-01', to_timestamp(at / 1000.0)
  from (select i, ${drawn('customer')} % 20 as c, ${drawn('key')} % 2 as k, ${oneOf('model', ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet', 'claude-haiku'])} as m,
      ${PERIOD_START_MS} + (${drawn('time')}::bigint * ${PERIOD_MS} / 268435456) as at from generate_series($1::bigint, $2::bigint) i) g`;

/** One request in two hundred is settled by a reconciliation. */
const INSERT_ADJUSTMENTS = `
  insert into usage_adjustments (id, request_id, attempt_id, customer_id, reconciliation_id, prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, reasoning_tokens, cost_pd, pricing)
  select gen_random_uuid(), request_id, gen_random_uuid(), customer_id, gen_random_uuid(), 10, 0, 0, 10, 0, 12345, 'priced' from usage_records where ('x' || right(request_id::text, 7))::bit(28)::int % 200 = 0`;

/** Twenty customers with two keys each and four models, over thirty days, committed in the order in which they are made and not in that of their times. */
export async function writeUsage(dataSource: DataSource, records: number): Promise<void> {
  for (let first = 1; first <= records; first += CHUNK) await dataSource.query(INSERT_RECORDS, [first, Math.min(records, first + CHUNK - 1)]);
  await dataSource.query(INSERT_ADJUSTMENTS);
  await dataSource.query('vacuum analyze usage_records, usage_adjustments');
}

export const PERIOD = { from: new Date(PERIOD_START_MS), to: new Date(PERIOD_START_MS + PERIOD_MS) };
