import fc from 'fast-check';
import { attemptRow, recordRow } from '../../test/rows.js';
import { firstOpenJson, firstOpenRows, readFirstOpen } from './first-open.js';
import { attemptJson, recordJson } from './journal-rows.js';
import { type OpenEntry } from './usage.types.js';

const name = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));

/** Opens of a first attempt as their contract has them. */
const firstOpens = fc.record({ id: fc.uuid(), attemptId: fc.uuid(), provider: name, model: fc.option(name), session: fc.option(name), tags: fc.array(name), reason: fc.option(name), stream: fc.boolean(), code: name, owner: fc.constantFrom('customer', 'platform', null) }).map(
  ({ id, attemptId, provider, model, session, tags, reason, stream, code, owner }): OpenEntry => {
    const nothing = { prompt_tokens: 0, cached_tokens: 0, cache_write_tokens: 0, completion_tokens: 0, reasoning_tokens: 0, usage_source: 'unknown', cost_pd: 0, pricing: 'none', price_version: null } as const;
    const interrupted = { ...nothing, request_id: id, provider, status: 'interrupted', http_status: null, error_code: code } as const;
    const attempt = attemptRow({ ...interrupted, attempt_id: attemptId, attempt_no: 1, model, provider_response_id: null, started_at: '2026-11-22T10:00:00.250Z', duration_ms: 0, key_owner: owner });
    const record = recordRow([attempt], { ...interrupted, session, tags, cohort_reason: reason, requested_model: `${model} as asked`, served_model: model, stream, attempts: 1, unknown_attempts: 1, first_byte_ms: null, duration_ms: null });
    return { record, attempts: [attempt] };
  },
);

describe('the first open of a request', () => {
  it('comes back from its short row as it went in', () => {
    fc.assert(
      fc.property(firstOpens, (entry) => {
        expect(readFirstOpen(entry.record.request_id, firstOpenJson(entry.record, entry.attempts[0]!))).toEqual(entry);
      }),
    );
  });

  it('becomes the rows that the long form has', () => {
    fc.assert(
      fc.property(firstOpens, ({ record, attempts }) => {
        const [attempt] = attempts;
        expect(firstOpenRows(record.request_id, firstOpenJson(record, attempt!))).toEqual({ record: Buffer.from(recordJson(record)), attempts: [{ id: attempt!.attempt_id, json: Buffer.from(attemptJson(attempt!)) }] });
      }),
    );
  });

  it('of an older release, which ends sooner, is read as well', () => {
    fc.assert(
      fc.property(firstOpens, ({ record, attempts }) => {
        const row = JSON.parse(firstOpenJson(record, attempts[0]!)) as unknown[];
        expect(readFirstOpen(record.request_id, JSON.stringify(row.slice(0, 16)))).toEqual({ record, attempts: [{ ...attempts[0]!, key_owner: null }] });
      }),
    );
  });
});
