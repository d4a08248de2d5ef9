import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * Statements, and what each of them asks the customer to pay.
 *
 * - A statement's document is never changed; what is learned later goes into the next one. Each names the one before it, so
 *   that a customer's statements are one line without gaps or forks, whoever closes them.
 * - A charge is one line of an invoice, in whole cents. A customer's credit is a negative one.
 */
export class Statements1796700000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create table statements (
        id uuid primary key,
        customer_id text not null references customers (id),
        period_start timestamptz not null,
        period_end timestamptz not null,
        previous_id uuid,
        document jsonb not null,
        hash text not null check (hash ~ '^[0-9a-f]{64}$'),
        merkle_root text not null check (merkle_root ~ '^[0-9a-f]{64}$'),
        closed_at timestamptz not null,
        check (period_start < period_end and period_end <= closed_at),
        unique (customer_id, period_start),
        unique nulls not distinct (customer_id, previous_id),
        -- So that what refers to a statement refers to its customer's.
        unique (customer_id, id),
        foreign key (customer_id, previous_id) references statements (customer_id, id)
      );
      create index statements_closed on statements (closed_at);

      create table statement_charges (
        id uuid primary key,
        statement_id uuid not null,
        customer_id text not null,
        kind text not null check (kind in ('vbp', 'bvm', 'passthrough', 'credit')),
        amount_cents bigint not null check (amount_cents <> 0 and (kind = 'credit') = (amount_cents < 0)),
        currency text not null default 'usd' check (currency = 'usd'),
        description text not null,
        period_start timestamptz not null,
        period_end timestamptz not null,
        statement_hash text not null,
        created_at timestamptz not null default now(),
        unique (statement_id, kind),
        foreign key (customer_id, statement_id) references statements (customer_id, id)
      );
      create index statement_charges_customer on statement_charges (customer_id, period_start);

      create trigger statements_append_only before update or delete on statements for each row execute function refuse_change();
      create trigger statement_charges_append_only before update or delete on statement_charges for each row execute function refuse_change();
      create trigger no_truncate before truncate on statements for each statement execute function refuse_truncate();
      create trigger no_truncate before truncate on statement_charges for each statement execute function refuse_truncate();
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`drop table statement_charges, statements`);
  }
}
