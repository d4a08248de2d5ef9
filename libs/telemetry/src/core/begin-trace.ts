import { type Uuid } from '@apex/common';
import { KNOWN_FLAGS, type RequestTrace, SAMPLED, type TraceHeaders, type TraceParent, formatTraceParent, parseTraceParent, parseTraceState, traceIdOf } from './trace-context.js';

export interface SamplerConfig {
  /** The caller's decision holds, where there is one. */
  readonly parentBased: boolean;
  /** The share of the other traces that is kept: 0 to 1. */
  readonly ratio: number;
}

const RANDOM_STEPS = 2 ** 52;

/**
 * Whether a trace is kept, decided when it begins. The same trace id gets the same answer everywhere: kept are the
 * greatest of the 56 random bits at its end (W3C Trace Context level 2; OpenTelemetry, "TraceState: Probability
 * Sampling"), of which a double holds the first 52.
 */
export function isSampled({ parentBased, ratio }: SamplerConfig, traceId: string, parent: TraceParent | null): boolean {
  if (parentBased && parent !== null) return (parent.flags & SAMPLED) !== 0;
  if (ratio >= 1) return true;
  if (ratio <= 0) return false;
  return Number.parseInt(traceId.slice(18, 31), 16) >= (1 - ratio) * RANDOM_STEPS;
}

/**
 * The trace of a request that has just come: its caller's, else one of its own if there is a sampler. Null: there is none.
 * A caller's trace of which no span is kept here goes on to the provider as it came.
 */
export function beginTrace(requestId: Uuid, headers: TraceHeaders, sampler: SamplerConfig | null): RequestTrace | null {
  const header = headers['traceparent'];
  if (header === undefined && sampler === null) return null;
  const parent = parseTraceParent(header);
  if (parent === null) {
    if (sampler === null) return null;
    const traceId = traceIdOf(requestId);
    const recorded = isSampled(sampler, traceId, null);
    return { traceId, parentSpanId: null, flags: recorded ? SAMPLED : 0, state: null, recorded, passed: null };
  }
  const recorded = sampler !== null && isSampled(sampler, parent.traceId, parent);
  return {
    traceId: parent.traceId,
    parentSpanId: parent.spanId,
    flags: recorded ? (parent.flags & KNOWN_FLAGS) | SAMPLED : parent.flags,
    state: parseTraceState(headers['tracestate']),
    recorded,
    passed: recorded ? null : formatTraceParent(parent),
  };
}
