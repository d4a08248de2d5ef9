import { type Socket } from 'node:net';
import type pg from 'pg';

/** Beyond a statement's own limit: what a server that has just cancelled it may need to say so. */
const GRACE_MS = 5_000;

/**
 * Bounds what is asked over one new connection, for the server on its side of the wire and for this process on its own:
 * a server that is frozen, or a network that swallows packets, cancels nothing.
 *
 * The server cancels a statement that takes longer than `statementTimeoutMs`. A connection that is silent for longer
 * than that while an answer is due is broken, and everything that waits for it fails. (node-postgres' `query_timeout`
 * would fail the query alone and keep the connection, whose next user would then wait behind it.)
 *
 * By SET rather than as a parameter of the connection, which poolers such as PgBouncer refuse.
 */
export async function limitStatements(client: pg.Client, statementTimeoutMs: number): Promise<void> {
  const silenceMs = statementTimeoutMs + GRACE_MS;
  const { connection } = client as unknown as { readonly connection: { readonly stream: Socket } };
  const { stream } = connection;
  stream.setTimeout(silenceMs);
  stream.on('timeout', () => {
    const { readyForQuery } = client as unknown as { readonly readyForQuery: boolean };
    if (!readyForQuery) stream.destroy(new NoAnswerError(silenceMs));
  });
  await client.query(`set statement_timeout = ${statementTimeoutMs}`);
}

/** The server took a question and has said nothing since. Whether it did what was asked is not known. */
class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** As when the operating system gives a connection up. */
  readonly code = 'ETIMEDOUT';

  constructor(silenceMs: number) {
    super(`Postgres has not answered for ${silenceMs / 1000} s; the connection is given up`);
  }
}
