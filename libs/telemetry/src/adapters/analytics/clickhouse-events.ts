import { type OnApplicationShutdown } from '@nestjs/common';
import { newId } from '@apex/common';
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { stringLiteral } from '../../core/analytics/literals.js';

export const EVENTS_TABLE = 'apex_request_events';
const TARGET_TABLE = 'apex_feed_target';

/** An insert that takes longer is given up, and made again later. */
const INSERT_TIMEOUT_MS = 10_000;
const CONNECTIONS = 10;
const FEED_CONNECTIONS = 2;

/**
 * One row a request; of rows with the same key `FINAL` shows the one with the highest version. A request always falls
 * into the same month and place, so nothing that is sent again is ever counted twice, merged or not.
 * A table that is there already stays as it is: where it should be replicated, the operator makes it.
 */
const EVENTS_DDL = `CREATE TABLE IF NOT EXISTS ${EVENTS_TABLE} (
  request_id UUID, at_ms Int64, day Date, customer_id String, key_id UUID, session Nullable(String), tags Array(String),
  surface String, path String, cohort String, cohort_reason Nullable(String),
  provider Nullable(String), requested_model Nullable(String), served_model Nullable(String), stream UInt8,
  status String, http_status Nullable(Int16), error_code Nullable(String), attempts Int16, unknown_attempts Int64,
  prompt_tokens Int64, cached_tokens Int64, cache_write_tokens Int64, completion_tokens Int64, reasoning_tokens Int64,
  usage_source String, cost_pd Int64, pricing String, unpriced UInt8, price_version Nullable(String),
  first_byte_ms Nullable(Int32), duration_ms Nullable(Int32), version UInt32
) ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(day) ORDER BY (customer_id, at_ms, request_id)`;

const TARGET_DDL = `CREATE TABLE IF NOT EXISTS ${TARGET_TABLE} (id String) ENGINE = MergeTree ORDER BY id`;

/** A failure without what ClickHouse says about it: that may quote statements, and with them customers' data. */
export class ClickHouseFailure extends Error {
  override readonly name = 'ClickHouseFailure';
  /** ClickHouse's own number for it; null where it did not answer. */
  readonly code: number | null;

  constructor(cause: unknown) {
    const code = codeOf(cause);
    super(code === null ? silenceOf(cause) : `ClickHouse refuses: error ${code}`);
    this.code = code;
  }
}

/** ClickHouse, by HTTP: statements that every version since 18.16 understands. */
export class ClickHouseEvents implements OnApplicationShutdown {
  /** Slow questions leave the feed its connections. */
  private readonly feed: ClickHouseClient;
  private readonly questions: ClickHouseClient;
  /** Settings of inserts, once it is known which there are. */
  private insertSettings: Record<string, number> | null = null;

  /** @param url http(s)://user:password@host:port/database; never logged */
  constructor(
    url: string,
    private readonly insertTimeoutMs = INSERT_TIMEOUT_MS,
  ) {
    // What goes wrong is told by errors; the client's own log would print to the console, and statements with it.
    const options = { url, application: 'netra-apex', log: { level: ClickHouseLogLevel.OFF } };
    this.feed = createClient({ ...options, max_open_connections: FEED_CONNECTIONS });
    this.questions = createClient({ ...options, max_open_connections: CONNECTIONS });
  }

  /**
   * Makes what is missing, and says which database this is: an id that is kept in it, a new one where there was none.
   * Another id than last time means that what was sent is not here. @throws ClickHouseFailure
   */
  async target(): Promise<string> {
    const known = await this.knownTarget();
    if (known !== null) return known;
    await this.command(EVENTS_DDL);
    await this.command(TARGET_DDL);
    await this.command(`INSERT INTO ${TARGET_TABLE} (id) VALUES (${stringLiteral(newId())})`);
    return (await this.knownTarget()) ?? '';
  }

  /** Which database this is; null: nobody has sent anything here yet. @throws ClickHouseFailure */
  async knownTarget(): Promise<string | null> {
    try {
      // The newest: two processes may have begun at once, and where the table of requests is gone another id begins.
      const rows = await this.select<{ id: string }>(`SELECT max(id) AS id FROM ${TARGET_TABLE} WHERE (SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = '${EVENTS_TABLE}') > 0`);
      return rows[0]?.id || null;
    } catch (error) {
      if (error instanceof ClickHouseFailure && error.code === UNKNOWN_TABLE) return null;
      throw error;
    }
  }

  /** @param lines a JSON object each; resolves when they are stored. @throws ClickHouseFailure; they may then be stored or not */
  async insert(lines: string): Promise<void> {
    this.insertSettings ??= await this.settingsForInserts();
    await this.command(`INSERT INTO ${EVENTS_TABLE} FORMAT JSONEachRow\n${lines}`, this.insertSettings);
  }

  /** The rows that answer a question. @throws ClickHouseFailure */
  ask<T>(query: string, timeoutMs: number): Promise<T[]> {
    return this.select(query, timeoutMs, this.questions);
  }

  /** Drops the months that ended before this instant. @throws ClickHouseFailure */
  async dropBefore(epochMs: number): Promise<void> {
    const rows = await this.select<{ partition: string }>(`SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = '${EVENTS_TABLE}' AND active`);
    const first = new Date(epochMs).toISOString().slice(0, 7).replace('-', '');
    for (const { partition } of rows) if (/^\d{6}$/.test(partition) && partition < first) await this.command(`ALTER TABLE ${EVENTS_TABLE} DROP PARTITION ${partition}`);
  }

  /** Whether it answers, and knows us, within the time. */
  answers(timeoutMs: number): Promise<boolean> {
    return this.select('SELECT 1', timeoutMs).then(
      () => true,
      () => false,
    );
  }

  /** Gives up what is under way. */
  close(): Promise<void> {
    return Promise.all([this.feed.close(), this.questions.close()]).then(() => undefined);
  }

  /** Nest's hook, after those that still use it have ended. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  private select<T>(query: string, timeoutMs = this.insertTimeoutMs, client = this.feed): Promise<T[]> {
    return this.limited(timeoutMs, async (abort_signal) => {
      // Held back until it is whole: an error in the middle must not look like a short answer.
      const result = await client.query({ query, format: 'JSONEachRow', clickhouse_settings: { wait_end_of_query: 1, max_execution_time: Math.ceil(timeoutMs / 1_000) }, abort_signal });
      return result.json<T>();
    });
  }

  /** An insert that is acknowledged is stored: not so where the server collects inserts and is set up not to wait. */
  private async settingsForInserts(): Promise<Record<string, number>> {
    const rows = await this.select<{ name: string }>(`SELECT name FROM system.settings WHERE name = 'async_insert'`);
    return rows.length > 0 ? { async_insert: 0 } : {};
  }

  private command(query: string, clickhouse_settings: Record<string, number> = {}): Promise<void> {
    return this.limited(this.insertTimeoutMs, async (abort_signal) => void (await this.feed.command({ query, clickhouse_settings, abort_signal })));
  }

  private async limited<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await work(AbortSignal.timeout(ms));
    } catch (error) {
      throw new ClickHouseFailure(error);
    }
  }
}

/** https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp */
const UNKNOWN_TABLE = 60;

/** Servers before 20.x do not tell the error's name, by which the client would know it: it is then in the text only. */
function codeOf(cause: unknown): number | null {
  if (cause instanceof ClickHouseError) return Number(cause.code);
  const code = /^Code: (\d+)/.exec((cause as Error).message)?.[1];
  return code === undefined ? null : Number(code);
}

/** ECONNREFUSED and the like: no address, no user, no password. */
function silenceOf(cause: unknown): string {
  const code = (cause as { code?: unknown }).code;
  return `ClickHouse does not answer${typeof code === 'string' && /^[A-Z_]+$/.test(code) ? ` (${code})` : ''}`;
}
