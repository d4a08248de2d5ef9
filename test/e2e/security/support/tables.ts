import pg from 'pg';

/** One row, with the table it is in. */
export interface DumpedRow {
  readonly table: string;
  readonly row: Readonly<Record<string, unknown>>;
}

/** Every row of every table of the application, as JSON that two dumps can be compared by. */
export async function dumpTables(url: string): Promise<Map<string, DumpedRow>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // Partitions are read with what they are a part of.
    const { rows: tables } = await client.query<{ name: string }>(
      `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
    );
    const dump = new Map<string, DumpedRow>();
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: Record<string, unknown> }>(`select to_jsonb(t) as row from "${name}" t`);
      for (const { row } of rows) dump.set(`${name} ${JSON.stringify(row)}`, { table: name, row });
    }
    return dump;
  } finally {
    await client.end();
  }
}

/** Made by jobs, whenever they run, from other tables that are compared. */
const PROJECTIONS = new Set(['usage_rollups', 'usage_rollup_marks', 'usage_rollup_progress', 'usage_rollup_differences']);

/** What one dump has and the other lacks, both ways. */
export function difference(before: ReadonlyMap<string, DumpedRow>, after: ReadonlyMap<string, DumpedRow>): { readonly gone: DumpedRow[]; readonly come: DumpedRow[] } {
  const lacking = (from: ReadonlyMap<string, DumpedRow>, other: ReadonlyMap<string, DumpedRow>): DumpedRow[] => [...from].filter(([key, { table }]) => !other.has(key) && !PROJECTIONS.has(table)).map(([, row]) => row);
  return { gone: lacking(before, after), come: lacking(after, before) };
}
