import { envBoolean, envInt } from '@apex/common';
import { z } from 'zod';
import { DEFAULT_MEMORY_BYTES } from './adapters/memory-answer-cache.js';
import { DEFAULT_SHARED_BYTES } from './adapters/redis-answer-cache.js';

const MiB = 1024 * 1024;
const MAX_TTL_SECONDS = 30 * 86_400;

/** What an operator can set of the data plane. Times in milliseconds, sizes in bytes. */
export const gatewayConfigSchema = z.object({
  /** The largest request body. OpenAI takes 50 MB of images; few prompts reach a tenth of that. */
  APEX_MAX_BODY_BYTES: envInt.default(32 * MiB),
  /** The largest answer that is not a stream. */
  APEX_MAX_RESPONSE_BYTES: envInt.default(64 * MiB),
  /** The longest a request may take, all attempts together. The official SDKs wait 10 minutes. */
  APEX_REQUEST_TIMEOUT_MS: envInt.default(600_000),
  /** How long a provider may take to the first byte of its answer. */
  APEX_FIRST_BYTE_TIMEOUT_MS: envInt.default(600_000),
  /** How long a provider may be silent in the middle of an answer. */
  APEX_IDLE_TIMEOUT_MS: envInt.default(120_000),
  /** Attempts per request, the first one included. */
  APEX_MAX_ATTEMPTS: envInt.default(3),
  /** Requests under way at once in one process; more are shed with 503. */
  APEX_MAX_IN_FLIGHT: envInt.default(4_096),
  /** What a process may hold of cached answers; one customer at most half of it. 0: nothing, only Redis does. */
  APEX_CACHE_MEMORY_BYTES: envInt.default(DEFAULT_MEMORY_BYTES),
  /** While Redis uses more than this altogether, no answer is added to it. 0: none ever is. */
  APEX_CACHE_SHARED_BYTES: envInt.default(DEFAULT_SHARED_BYTES),
  /** No answer is given that is older, whatever a policy says. Policies themselves go no further than the default. */
  APEX_CACHE_MAX_TTL_SECONDS: envInt.refine((seconds) => seconds >= 1 && seconds <= MAX_TTL_SECONDS, `1 to ${MAX_TTL_SECONDS}`).default(MAX_TTL_SECONDS),
  /** Off: all requests go through node:http, for a diagnosis. */
  APEX_FAST_LANE: envBoolean.default(true),
});

export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
