import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * What an Unleash server said last of each toggle, by environment: what stays in force when it says nothing any more.
 * A toggle that it does not list any longer keeps its row until an admin sets the flag here.
 */
export class UnleashToggles1796900000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create table unleash_toggles (
        environment text not null,
        name text not null,
        toggle jsonb not null,
        changed_at timestamptz not null default now(),
        primary key (environment, name)
      );
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('drop table unleash_toggles');
  }
}
