import { randomUUID } from 'node:crypto';
import { firstIdAt, type Uuid } from '@apex/common';
import { type EntityManager } from 'typeorm';

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A new id that carries this millisecond. */
export const idAt = (ms: number): Uuid => `${firstIdAt(ms).slice(0, 14)}7${randomUUID().slice(15)}`;

const KEYS = ['01956c00-0000-7000-8000-00000000cafe', '01956c00-0000-7000-8000-00000000beef'];

/** Writes `count` records of random requests within `[from, to)`, some of which have been settled since. @returns their ids */
export async function writeUsage(manager: EntityManager, random: () => number, { count, from, to, customers }: { count: number; from: number; to: number; customers: readonly string[] }): Promise<Uuid[]> {
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const whole = (below: number): number => Math.floor(random() * below);
  const records = Array.from({ length: count }, () => ({
    request_id: idAt(from + whole(to - from)),
    customer_id: one(customers),
    key_id: one(KEYS),
    tags: [],
    surface: 'chat.completions',
    path: 'gateway',
    cohort: one(['gateway', 'direct', 'control']),
    provider: one(['openai', 'anthropic', null]),
    requested_model: one(['gpt-4o', 'gpt-4o-mini', null]),
    served_model: one(['gpt-4o', 'gpt-4o-mini', null]),
    stream: false,
    status: one(['final', 'failed', 'denied', 'aborted', 'interrupted']),
    attempts: 1,
    unknown_attempts: whole(3),
    prompt_tokens: whole(100_000),
    cached_tokens: whole(1_000),
    cache_write_tokens: whole(1_000),
    completion_tokens: whole(10_000),
    reasoning_tokens: whole(1_000),
    usage_source: 'provider',
    cost_pd: whole(Number.MAX_SAFE_INTEGER),
    pricing: one(['priced', 'unpriced', 'none']),
    started_at: new Date(from),
    recorded_at: new Date(),
  }));
  // Not the columns that Postgres fills in.
  const columns = Object.keys(records[0] ?? {}).join(', ');
  if (count > 0) await manager.query(`insert into usage_records (${columns}) select ${columns} from json_populate_recordset(null::usage_records, $1::json)`, [JSON.stringify(records)]);
  return records.map((record) => record.request_id);
}

/** Settles an unknown attempt of each of these requests. */
export async function settleUsage(manager: EntityManager, random: () => number, requests: readonly Uuid[]): Promise<void> {
  const whole = (below: number): number => Math.floor(random() * below);
  for (const requestId of requests) {
    await manager.query(
      `insert into usage_adjustments (id, request_id, attempt_id, customer_id, reconciliation_id, prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, reasoning_tokens, cost_pd, pricing)
       select $1, request_id, $2, customer_id, $3, $4, 0, 0, $5, 0, $6, $7 from usage_records where request_id = $8`,
      [randomUUID(), randomUUID(), randomUUID(), whole(1_000), whole(1_000), whole(Number.MAX_SAFE_INTEGER), whole(2) === 0 ? 'priced' : 'unpriced', requestId],
    );
  }
}
