import fc from 'fast-check';
import { refusals } from '../refusals.js';
import { type Denied } from '../types.js';
import { attributeDenied } from './05-attribute.js';

const denied = (receivedAt: number): Denied => ({
  requestId: '01956c00-0000-7000-8000-000000000001',
  receivedAt,
  path: 'gateway',
  surface: 'chat.completions',
  headers: {},
  trace: null,
  key: { keyId: '01956c00-0000-7000-8000-00000000cafe', customerId: 'demo', tier: 'early', scopes: new Set() },
  labels: { session: null, tags: [] },
  cohort: 'gateway',
  reason: null,
  refusal: refusals.internal(),
  call: null,
});

describe('a record', () => {
  it('tells when its request came, to the millisecond, whichever it followed', () => {
    // A few milliseconds around whole seconds, and any others.
    const moment = fc.oneof(fc.integer({ min: 1_800_000_000, max: 1_800_000_003 }).chain((second) => fc.integer({ min: -2, max: 2 }).map((ms) => second * 1_000 + ms)), fc.integer({ min: 0, max: 4_000_000_000_000 }));
    fc.assert(
      fc.property(fc.array(moment, { minLength: 1 }), (moments) => {
        for (const ms of moments) expect(attributeDenied(denied(ms), ms).record.started_at).toBe(new Date(ms).toISOString());
      }),
    );
  });
});
