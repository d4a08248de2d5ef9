import { label, text, textList, whole } from './ascii-json.js';
import { type ReceiptInputs } from './savings/receipt.types.js';
import { type AttemptRow, type UsageRecordRow } from './usage.types.js';

/*
 * Parts of rows that come again as they were: what a row costs is a matter of the number of texts that it is put together
 * from.
 */

/** Enough for every key that is in use at once. */
const MAX_KEYS = 4_096;

type Caller = Pick<UsageRecordRow, 'customer_id' | 'session' | 'tags' | 'surface' | 'path' | 'cohort' | 'cohort_reason' | 'provider' | 'requested_model' | 'served_model' | 'stream'>;

interface CallerText extends Caller {
  readonly json: string;
}

const callers = new Map<string, CallerText>();

/**
 * A record's values from `customer_id` to `stream`. Its open and its close share them, and mostly the key's next request
 * as well: the last of each key is remembered, within a bound.
 */
export function callerJson(r: Caller & Pick<UsageRecordRow, 'key_id'>): string {
  const last = callers.get(r.key_id);
  if (
    last !== undefined && last.customer_id === r.customer_id && last.session === r.session && last.tags === r.tags && last.surface === r.surface && last.path === r.path && last.cohort === r.cohort &&
    last.cohort_reason === r.cohort_reason && last.provider === r.provider && last.requested_model === r.requested_model && last.served_model === r.served_model && last.stream === r.stream
  ) {
    return last.json;
  }
  const json = flat(
    `${label(r.customer_id)},"${r.key_id}",${text(r.session)},${textList(r.tags)},${label(r.surface)},${label(r.path)},${label(r.cohort)},${label(r.cohort_reason)},` +
    `${label(r.provider)},${label(r.requested_model)},${label(r.served_model)},${r.stream}`,
  );
  // Each request has tags of its own.
  if (r.tags.length > 0) return json;
  const { customer_id, tags, surface, path, cohort, cohort_reason, provider, requested_model, served_model, stream } = r;
  if (callers.size >= MAX_KEYS && last === undefined) callers.clear();
  // A copy: what was cut out of a request's text would keep all of that text.
  const session = r.session === null ? null : Buffer.from(r.session).toString();
  callers.set(r.key_id, { customer_id, session, tags, surface, path, cohort, cohort_reason, provider, requested_model, served_model, stream, json });
  return json;
}

type Metered = Pick<AttemptRow, 'prompt_tokens' | 'cached_tokens' | 'cache_write_tokens' | 'completion_tokens' | 'reasoning_tokens' | 'usage_source' | 'cost_pd' | 'pricing' | 'price_version'>;

let lastMetered: Metered | null = null;
let lastMeteredJson = '';

/** The values from `prompt_tokens` to `price_version`. A record with one attempt has the attempt's, and is spelled just before it. */
export function meteredJson(m: Metered): string {
  const last = lastMetered;
  if (
    last !== null && last.prompt_tokens === m.prompt_tokens && last.cached_tokens === m.cached_tokens && last.cache_write_tokens === m.cache_write_tokens && last.completion_tokens === m.completion_tokens &&
    last.reasoning_tokens === m.reasoning_tokens && last.usage_source === m.usage_source && last.cost_pd === m.cost_pd && last.pricing === m.pricing && last.price_version === m.price_version
  ) {
    return lastMeteredJson;
  }
  lastMetered = m;
  lastMeteredJson =
    `${whole(m.prompt_tokens)},${whole(m.cached_tokens)},${whole(m.cache_write_tokens)},${whole(m.completion_tokens)},${whole(m.reasoning_tokens)},` +
    `${label(m.usage_source)},${whole(m.cost_pd)},${label(m.pricing)},${label(m.price_version)}`;
  return lastMeteredJson;
}

type UnderPolicy = Pick<ReceiptInputs, 'lengthRatioPpm' | 'policyId' | 'policyVersion' | 'provider' | 'requestedModel' | 'servedModel'>;

interface PolicyText extends UnderPolicy {
  readonly covariate: string;
  readonly json: string;
}

const policies = new Map<string, PolicyText>();

/** A receipt's inputs from `covariates.requestedModel` to `servedModel`; the last of each requested model is remembered, within a bound. */
export function policyJson(r: UnderPolicy & { readonly covariates: Pick<ReceiptInputs['covariates'], 'requestedModel'> }): string {
  const covariate = r.covariates.requestedModel;
  const last = policies.get(r.requestedModel);
  if (
    last !== undefined && last.covariate === covariate && last.lengthRatioPpm === r.lengthRatioPpm && last.policyId === r.policyId && last.policyVersion === r.policyVersion &&
    last.provider === r.provider && last.servedModel === r.servedModel
  ) {
    return last.json;
  }
  const { lengthRatioPpm, policyId, policyVersion, provider, requestedModel, servedModel } = r;
  const json = flat(
    `"requestedModel":${label(covariate)}},"lengthRatioPpm":${whole(lengthRatioPpm)},"policyId":"${policyId}","policyVersion":${whole(policyVersion)},` +
    `"provider":${label(provider)},"requestedModel":${label(requestedModel)},"servedModel":${label(servedModel)}`,
  );
  if (policies.size >= MAX_KEYS && last === undefined) policies.clear();
  policies.set(requestedModel, { covariate, lengthRatioPpm, policyId, policyVersion, provider, requestedModel, servedModel, json });
  return json;
}

/** One piece of memory: a text put together from parts is kept as these parts until it is read, each time that it is read. */
export const flat = (ascii: string): string => Buffer.from(ascii, 'latin1').toString('latin1');
