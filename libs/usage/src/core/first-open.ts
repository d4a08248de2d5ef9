import { type Uuid } from '@apex/common';
import { label } from './ascii-json.js';
import { callerJson } from './common-texts.js';
import { attemptJson, recordJson } from './journal-rows.js';
import { type AttemptRow, type OpenEntry, type UsageRecordRow } from './usage.types.js';

/**
 * A request's first open in one short row instead of two long ones. Nearly every open is of this kind and nearly none is
 * ever read, so that what follows from the contract of `OpenEntry` (the outcome of an attempt of which nothing is known)
 * is not written but put in again when a dead process' journal is replayed.
 *
 * The order of values is part of the journal's format: rows of an older release end sooner.
 */
export const firstOpenJson = (r: UsageRecordRow, a: AttemptRow): string =>
  `["${a.attempt_id}",${callerJson(r)},${label(r.error_code)},"${r.started_at}","${a.started_at}",${label(a.key_owner)}]`;

type FirstOpen = [
  Uuid, string, Uuid, string | null, string[], UsageRecordRow['surface'], UsageRecordRow['path'], string, string | null,
  string, string | null, string | null, boolean, string | null, string, string, AttemptRow['key_owner']?,
];

/** The rows of an open, as the journal has them where they are written in full. */
export interface OpenRows {
  readonly record: Buffer;
  readonly attempts: Array<{ readonly id: Uuid; readonly json: Buffer }>;
}

export function firstOpenRows(requestId: Uuid, json: string): OpenRows {
  const { record, attempts } = readFirstOpen(requestId, json);
  return { record: Buffer.from(recordJson(record)), attempts: attempts.map((attempt) => ({ id: attempt.attempt_id, json: Buffer.from(attemptJson(attempt)) })) };
}

/** The entry that `firstOpenJson` was made of. */
export function readFirstOpen(requestId: Uuid, json: string): OpenEntry {
  const [attemptId, customerId, keyId, session, tags, surface, path, cohort, reason, provider, requestedModel, servedModel, stream, errorCode, requestedAt, startedAt, keyOwner = null] = JSON.parse(json) as FirstOpen;
  const unknown = {
    customer_id: customerId,
    provider,
    status: 'interrupted',
    http_status: null,
    error_code: errorCode,
    prompt_tokens: 0,
    cached_tokens: 0,
    cache_write_tokens: 0,
    completion_tokens: 0,
    reasoning_tokens: 0,
    usage_source: 'unknown',
    cost_pd: 0,
    pricing: 'none',
    price_version: null,
  } as const;
  return {
    record: {
      ...unknown,
      request_id: requestId,
      key_id: keyId,
      session,
      tags,
      surface,
      path,
      cohort,
      cohort_reason: reason,
      requested_model: requestedModel,
      served_model: servedModel,
      stream,
      attempts: 1,
      unknown_attempts: 1,
      started_at: requestedAt,
      first_byte_ms: null,
      duration_ms: null,
    },
    attempts: [{ ...unknown, attempt_id: attemptId, request_id: requestId, attempt_no: 1, model: servedModel, provider_response_id: null, started_at: startedAt, duration_ms: 0, key_owner: keyOwner }],
  };
}
