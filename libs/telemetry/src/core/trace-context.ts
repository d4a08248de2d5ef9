import { type Uuid } from '@apex/common';

/** The part of the headers that carries a trace from one system to the next (W3C Trace Context, levels 1 and 2). */
export type TraceHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface TraceParent {
  /** 32 lower-case hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** The caller's span: 16 digits, not all 0. */
  readonly spanId: string;
  readonly flags: number;
}

/** The trace that one request belongs to. Where it is known, the request's log lines and the provider's call carry it. */
export interface RequestTrace {
  readonly traceId: string;
  /** The span that the caller made its request in; null: the trace begins here. */
  readonly parentSpanId: string | null;
  /** Of the flags, those that go on. */
  readonly flags: number;
  readonly state: string | null;
  /** The request's own spans are kept: it was sampled. */
  readonly recorded: boolean;
  /** A `traceparent` that goes on as it came; null: each attempt gets its own. */
  readonly passed: string | null;
}

export const SAMPLED = 0x01;
/** What of a caller's flags goes on: `sampled`, and level 2's `random`, which is a fact about the trace id. */
export const KNOWN_FLAGS = 0x03;

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;
const VERSION_0_LENGTH = 55;
const MAX_LENGTH = 512;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/**
 * Reads a `traceparent`; null for one that is not valid, which is then treated as if it were not there
 * (https://www.w3.org/TR/trace-context/#traceparent-header). Of a version to come, what version 00 knows is read.
 */
export function parseTraceParent(header: string | string[] | undefined): TraceParent | null {
  if (typeof header !== 'string' || header.length < VERSION_0_LENGTH || header.length > MAX_LENGTH || !TRACEPARENT.test(header)) return null;
  if (header.startsWith('ff') || (header.startsWith('00') && header.length > VERSION_0_LENGTH)) return null;
  const traceId = header.slice(3, 35);
  const spanId = header.slice(36, 52);
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null;
  return { traceId, spanId, flags: Number.parseInt(header.slice(53, 55), 16) };
}

const MAX_STATE_LENGTH = 512;
const MAX_STATE_MEMBERS = 32;
const STATE_KEY = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/;
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Reads a `tracestate`; null where it is not valid, too long to be passed on, or empty. */
export function parseTraceState(header: string | string[] | undefined): string | null {
  const text = Array.isArray(header) ? header.join(',') : header;
  if (text === undefined || text.length > MAX_STATE_LENGTH) return null;
  const keys = new Set<string>();
  for (const raw of text.split(',')) {
    const member = raw.replace(/^[ \t]+|[ \t]+$/g, '');
    if (member === '') continue;
    const equals = member.indexOf('=');
    const key = member.slice(0, Math.max(0, equals));
    if (!STATE_KEY.test(key) || !STATE_VALUE.test(member.slice(equals + 1)) || keys.has(key)) return null;
    keys.add(key);
  }
  return keys.size === 0 || keys.size > MAX_STATE_MEMBERS ? null : text;
}

/** 128 bits of an id of ours, as a trace's: a trace that begins here is found by `x-request-id`. */
export const traceIdOf = (id: Uuid): string => id.slice(0, 8) + id.slice(9, 13) + id.slice(14, 18) + id.slice(19, 23) + id.slice(24);

/** The random half of an id of ours, as a span's. It is never all 0: a UUID's variant is in it. */
export const spanIdOf = (id: Uuid): string => id.slice(19, 23) + id.slice(24);

/** A `traceparent` of version 00: the very text that was read, where that was of version 00. */
export const formatTraceParent = ({ traceId, spanId, flags }: TraceParent): string => `00-${traceId}-${spanId}-${flags < 16 ? '0' : ''}${flags.toString(16)}`;

/** Puts into a call's headers what the provider is to know of the trace. */
export function addTraceHeaders(headers: Record<string, string>, trace: RequestTrace, attemptId: Uuid): void {
  headers['traceparent'] = trace.passed ?? formatTraceParent({ traceId: trace.traceId, spanId: spanIdOf(attemptId), flags: trace.flags });
  if (trace.state !== null) headers['tracestate'] = trace.state;
}
