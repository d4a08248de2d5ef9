import { envInt } from '@apex/common';
import { z } from 'zod';

/** The default period of a question is 30 days: it is always kept. */
const SHORTEST_RETENTION_DAYS = 31;

/** This lib's part of the environment for analytics. */
export const analyticsEnvSchema = z.object({
  CLICKHOUSE_URL: z
    .string()
    .refine(isClickHouseUrl, 'http(s)://user:password@host:port/database')
    .optional()
    .describe('The telemetry store; without it Postgres answers analytics itself.'),
  CLICKHOUSE_RETENTION_DAYS: envInt
    .refine((days) => days >= SHORTEST_RETENTION_DAYS && days <= 36_500, `from ${SHORTEST_RETENTION_DAYS} to 36500`)
    .optional()
    .describe('After how long a month is dropped from ClickHouse; without it never. The books are not touched.'),
});

export interface AnalyticsConfig {
  /** Holds the password: never logged. null: there is no ClickHouse. */
  readonly clickhouseUrl: string | null;
  /** null: for ever. */
  readonly retentionDays: number | null;
  /** Whether this process sends records there. */
  readonly forwards: boolean;
}

/** @param forwards whether this process may be the one that sends records */
export function analyticsConfig(env: z.output<typeof analyticsEnvSchema>, forwards: boolean): AnalyticsConfig {
  return { clickhouseUrl: env.CLICKHOUSE_URL ?? null, retentionDays: env.CLICKHOUSE_RETENTION_DAYS ?? null, forwards };
}

/** Settings in the address would reach every statement. */
function isClickHouseUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.search === '' && /^\/?[^/]*$/.test(url.pathname);
}
