import pg from 'pg';
import { type AttemptRow, type TokenUsage, type UsageRecordRow } from '@apex/usage';

/** What the tables say, read past the application. Rows are the lib's; numbers that Postgres sends as text are numbers. */
export interface Books {
  records(): Promise<UsageRecordRow[]>;
  record(requestId: string): Promise<UsageRecordRow | undefined>;
  attempts(): Promise<AttemptRow[]>;
  close(): Promise<void>;
}

const NUMBERS = ['prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens', 'cost_pd'] as const;

const withNumbers = <T>(row: Record<string, unknown>): T => ({ ...row, ...Object.fromEntries(NUMBERS.map((name) => [name, Number(row[name])])) }) as T;

/** Opens the books of a database; close them before it is dropped. */
export async function openBooks(url: string): Promise<Books> {
  const client = new pg.Client({ connectionString: url });
  // A server that is stopped on purpose ends this connection too.
  client.on('error', () => undefined);
  await client.connect();
  const all = async <T>(sql: string, values: unknown[] = []): Promise<T[]> => (await client.query<Record<string, unknown>>(sql, values)).rows.map((row) => withNumbers<T>(row));
  return {
    records: () => all<UsageRecordRow>('select * from usage_records'),
    record: async (requestId) => (await all<UsageRecordRow>('select * from usage_records where request_id = $1', [requestId]))[0],
    attempts: () => all<AttemptRow>('select * from attempts order by attempt_id'),
    close: () => client.end(),
  };
}

export const tokensOf = (row: UsageRecordRow | AttemptRow): TokenUsage => ({
  promptTokens: row.prompt_tokens,
  cachedTokens: row.cached_tokens,
  cacheWriteTokens: row.cache_write_tokens,
  completionTokens: row.completion_tokens,
  reasoningTokens: row.reasoning_tokens,
});
