import fc from 'fast-check';
import { callerJson, meteredJson, policyJson } from './common-texts.js';

// Few values for each member: rows in a row share all, some or none of them.
const name = fc.constantFrom('a', 'b', 'ü"\\');
const maybe = fc.option(name);
const tags = fc.constantFrom<readonly string[]>([], ['x'], ['x', 'y"']);
const count = fc.constantFrom(0, 1, 2 ** 40, NaN);
const finite = (value: unknown): unknown => (Number.isNaN(value) ? null : value);

describe('what rows have in common', () => {
  it('is spelled for each row as its own, whatever came before', () => {
    const rows = fc.record({
      customer_id: name, key_id: fc.constantFrom('k1', 'k2'), session: maybe, tags, surface: fc.constantFrom('chat.completions', 'embeddings'), path: fc.constantFrom('gateway', 'direct'),
      cohort: fc.constantFrom('gateway', 'control'), cohort_reason: maybe, provider: maybe, requested_model: maybe, served_model: maybe, stream: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(rows, { minLength: 20, maxLength: 60 }), (list) => {
        for (const row of list) expect(JSON.parse(`[${callerJson(row as never)}]`)).toEqual(Object.values(row));
      }),
    );
  });

  it('holds for tokens and cost', () => {
    const rows = fc.record({
      prompt_tokens: count, cached_tokens: count, cache_write_tokens: count, completion_tokens: count, reasoning_tokens: count,
      usage_source: fc.constantFrom('provider', 'unknown'), cost_pd: count, pricing: fc.constantFrom('priced', 'none'), price_version: maybe,
    });
    fc.assert(
      fc.property(fc.array(rows, { minLength: 20, maxLength: 60 }), (list) => {
        for (const row of list) expect(JSON.parse(`[${meteredJson(row as never)}]`)).toEqual(Object.values(row).map(finite));
      }),
    );
  });

  it('holds for what a policy made of what was asked', () => {
    const inputs = fc.record({
      covariates: fc.record({ requestedModel: name }), lengthRatioPpm: fc.constantFrom(1_000_000, 900_000), policyId: fc.constantFrom('p1', 'p2'), policyVersion: fc.constantFrom(1, 2),
      provider: name, requestedModel: name, servedModel: maybe,
    });
    fc.assert(
      fc.property(fc.array(inputs, { minLength: 20, maxLength: 60 }), (list) => {
        for (const one of list) expect(JSON.parse(`{"covariates":{${policyJson(one as never)}}`)).toEqual(one);
      }),
    );
  });
});
