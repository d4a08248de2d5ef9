import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * - Admin tokens can be named without being known: listed, and revoked one by one.
 * - Of a provider key that is revoked nothing is kept that could be opened.
 */
export class RevocableSecrets1796100000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      alter table operator_tokens add column id uuid not null default gen_random_uuid() constraint operator_tokens_id_key unique;
      alter table operator_tokens alter column id drop default;

      update provider_keys set ciphertext = '' where revoked_at is not null;
    `);
  }

  /** What was erased stays erased. */
  async down(q: QueryRunner): Promise<void> {
    await q.query('alter table operator_tokens drop column id');
  }
}
