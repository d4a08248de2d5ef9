import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * - What is append-only refuses TRUNCATE as well. TRUNCATE fires the triggers of the tables that it empties and no
 *   others, so every partition has its own; `ensurePartitions` gives one to those that are made later.
 * - The audit log is asked for by time.
 */
export class WholeTables1795100000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create function refuse_truncate() returns trigger language plpgsql as $$
      begin
        raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
      end $$;

      do $$
      declare
        one regclass;
      begin
        for one in
          select unnest(array['audit_log', 'usage_records', 'attempts', 'usage_adjustments', 'reconciliations']::regclass[])
          union all
          select inhrelid::regclass from pg_inherits where inhparent in ('usage_records'::regclass, 'attempts'::regclass)
        loop
          execute format('create trigger no_truncate before truncate on %s for each statement execute function refuse_truncate()', one);
        end loop;
      end $$;

      create index audit_log_at on audit_log (at);
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      drop index audit_log_at;
      drop function refuse_truncate cascade;
    `);
  }
}
