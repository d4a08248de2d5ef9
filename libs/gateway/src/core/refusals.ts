import { type Problem } from '@apex/llm';
import { type Refusal } from './call.js';

/**
 * Every refusal that Apex itself can give on the data plane, with its stable code.
 * Types and statuses follow OpenAI's error guide, so that SDKs raise their own classes:
 * https://platform.openai.com/docs/guides/error-codes/api-errors
 */
const refusal = (httpStatus: number, type: string, code: string, message: string, param: string | null = null, retryAfterSeconds?: number): Refusal =>
  ({ httpStatus, type, code, message, param, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });

const final = (of: Refusal): Refusal => ({ ...of, final: true });

const invalidRequest = (code: string, message: string, param: string | null = null): Refusal => refusal(400, 'invalid_request_error', code, message, param);

const budgetOf = (own: boolean, microUsd: number): string => `The ${own ? 'monthly budget' : 'prepaid budget for the platform\'s keys'} of $${microUsd / 1_000_000}`;

export const refusals = {
  missingKey: () => refusal(401, 'invalid_request_error', 'missing_api_key', "You didn't provide an API key. Send your Apex key as 'Authorization: Bearer apex_...'."),
  invalidKey: () => refusal(401, 'invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.'),
  revokedKey: () => refusal(401, 'invalid_request_error', 'revoked_api_key', 'This API key has been revoked.'),
  expiredKey: () => refusal(401, 'invalid_request_error', 'expired_api_key', 'This API key has expired.'),
  suspended: () => refusal(403, 'permission_error', 'customer_suspended', 'This account is suspended.'),
  missingScope: () => refusal(403, 'permission_error', 'insufficient_scope', "This API key lacks the scope 'inference'."),
  noProviderKey: (provider: string) =>
    refusal(403, 'permission_error', 'no_provider_key', `No key for the provider '${provider}' is configured for this account. Add your own provider key first.`),

  unknownUrl: (method: string, path: string) => refusal(404, 'invalid_request_error', 'unknown_url', `Unknown request URL: ${method} ${path}.`),
  methodNotAllowed: (method: string, path: string) => refusal(405, 'invalid_request_error', 'method_not_allowed', `Not allowed to ${method} on ${path}.`),
  unknownModel: (model: string) => refusal(404, 'invalid_request_error', 'model_not_found', `The model '${model}' does not exist or you do not have access to it.`, 'model'),

  unsupportedMediaType: () => refusal(415, 'invalid_request_error', 'unsupported_media_type', "Send the body as 'content-type: application/json', not compressed."),
  bodyTooLarge: (limit: number) => refusal(413, 'invalid_request_error', 'request_too_large', `The request body is larger than ${limit} bytes.`),
  invalidUtf8: () => invalidRequest('invalid_utf8', 'The request body is not valid UTF-8.'),
  malformedJson: () => invalidRequest('malformed_json', 'We could not parse the JSON body of your request.'),
  duplicateMember: (name: string) => invalidRequest('duplicate_parameter', `'${name}' is given more than once.`, name),
  notAnObject: () => invalidRequest('invalid_body', 'The request body has to be a JSON object.'),
  missingParameter: (param: string) => invalidRequest('missing_required_parameter', `Missing required parameter: '${param}'.`, param),
  invalidType: (param: string, expected: string) => invalidRequest('invalid_type', `Invalid type for '${param}': expected ${expected}.`, param),
  invalidValue: (param: string, expected: string) => invalidRequest('invalid_value', `Invalid value for '${param}': expected ${expected}.`, param),
  invalidHeader: (name: string, expected: string) => invalidRequest('invalid_header', `Invalid header '${name}': expected ${expected}.`, name),

  malformedHttp: () => invalidRequest('malformed_http', 'The request is not valid HTTP/1.1.'),
  headersTooLarge: () => refusal(431, 'invalid_request_error', 'headers_too_large', 'The request headers are too large.'),
  chunkExtensionsTooLarge: () => refusal(413, 'invalid_request_error', 'request_too_large', 'The chunk extensions of the request body are too large.'),
  requestTooSlow: () => refusal(408, 'invalid_request_error', 'request_timeout', 'The request did not arrive in time.'),

  noEmbeddings: (provider: string) => refusal(400, 'invalid_request_error', 'unsupported_by_provider', `The provider '${provider}' has no embeddings endpoint.`, 'model'),
  /** Every problem is named: nothing of a request is dropped on the way to another protocol. */
  untranslatable: (provider: string, problems: readonly [Problem, ...Problem[]]) => {
    const [first] = problems;
    const list = problems.slice(0, 5).map(({ param, why }) => `'${param}': ${why}`).join('; ');
    return first.kind === 'invalid'
      ? refusal(400, 'invalid_request_error', 'invalid_value', `Invalid request: ${list}.`, first.param)
      : refusal(400, 'invalid_request_error', 'unsupported_by_provider', `The provider '${provider}' cannot be asked for this: ${list}.`, first.param);
  },
  noneAvailable: (retryAfterSeconds: number) =>
    refusal(503, 'server_error', 'no_provider_available', 'No provider for this model takes requests at the moment. Try again shortly.', null, retryAfterSeconds),
  idempotencyMismatch: () => final(refusal(409, 'invalid_request_error', 'idempotency_key_reused', 'This Idempotency-Key was used before with a different request.')),
  idempotencyInProgress: () => refusal(409, 'invalid_request_error', 'idempotency_in_progress', 'A request with this Idempotency-Key is still under way. Try again shortly.', null, 1),
  idempotencyNotReplayable: () =>
    final(refusal(409, 'invalid_request_error', 'idempotency_not_replayable', 'The request with this Idempotency-Key was answered, and its answer could not be kept. To ask again, use a new key.')),

  /** OpenAI's own type and code: https://platform.openai.com/docs/guides/error-codes/api-errors */
  rateLimited: (of: 'requests' | 'tokens', limit: number, retryAfterSeconds: number) =>
    refusal(429, of, 'rate_limit_exceeded', `Rate limit reached: ${limit} ${of} per minute. Please try again in ${retryAfterSeconds}s.`, null, retryAfterSeconds),
  tooManyAtOnce: (limit: number, retryAfterSeconds: number) =>
    refusal(429, 'requests', 'concurrency_limit_exceeded', `Rate limit reached: ${limit} requests under way at once. Please try again in ${retryAfterSeconds}s.`, null, retryAfterSeconds),
  budgetSpent: (own: boolean, microUsd: number, retryAfterSeconds: number) =>
    final(refusal(429, 'insufficient_quota', 'insufficient_quota', `${budgetOf(own, microUsd)} is spent until the billing month ends.`, null, retryAfterSeconds)),
  /** What is left would be enough once requests under way have ended and cost less than they might. */
  budgetReserved: (own: boolean, microUsd: number, retryAfterSeconds: number) =>
    refusal(429, 'insufficient_quota', 'budget_reserved', `What is left of ${budgetOf(own, microUsd).toLowerCase()} is reserved for requests under way.`, null, retryAfterSeconds),
  maxTokensRequired: (model: string) =>
    invalidRequest('max_tokens_required', `Say how many tokens may be generated ('max_tokens' or its like): a budget applies, and the maximum of '${model}' is not known.`, 'max_tokens'),
  promptUnbounded: (model: string) =>
    invalidRequest('prompt_not_bounded', `A budget applies, and how long a conversation kept by the provider may be with '${model}' is not known: send the whole conversation.`),
  unpricedModel: (model: string) => invalidRequest('unpriced_model', `The model '${model}' has no known price, and what the platform's key may spend is limited.`, 'model'),

  clientGone: () => refusal(499, 'client_error', 'client_closed_request', 'The client closed the connection.'),
  overloaded: () => refusal(503, 'server_error', 'overloaded', 'Apex is at its limit of concurrent requests. Try again shortly.', null, 1),
  draining: () => refusal(503, 'server_error', 'shutting_down', 'This Apex process is shutting down. Try again.', null, 1),
  recordingUnavailable: () => refusal(503, 'server_error', 'recording_unavailable', 'Apex cannot record requests at the moment and so does not serve them.', null, 5),
  internal: () => refusal(500, 'server_error', 'internal_error', 'Apex had an internal error while processing your request.'),

  deadlinePassed: () => refusal(504, 'timeout_error', 'deadline_passed', 'The time that this request was given has passed.'),
  upstreamUnreachable: (provider: string) => refusal(502, 'upstream_error', 'upstream_unreachable', `The provider '${provider}' could not be reached.`),
  upstreamInterrupted: (provider: string) => refusal(502, 'upstream_error', 'upstream_interrupted', `The provider '${provider}' broke off its answer.`),
  upstreamMalformed: (provider: string) => refusal(502, 'upstream_error', 'upstream_malformed_response', `The provider '${provider}' sent an answer that is not valid.`),
  upstreamTooLarge: (provider: string) => refusal(502, 'upstream_error', 'upstream_response_too_large', `The provider '${provider}' sent an answer larger than Apex passes on.`),
  upstreamRejectedPlatformKey: (provider: string) =>
    refusal(502, 'upstream_error', 'upstream_auth_failed', `The provider '${provider}' did not accept the platform's key. This is ours to mend.`),
  upstreamTimeout: (provider: string) => refusal(504, 'timeout_error', 'upstream_timeout', `The provider '${provider}' did not answer in time.`),
} as const;
