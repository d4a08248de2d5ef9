import { SSE_EVENTS } from './requests.js';
import { problemsOf } from './measure.js';
import { problemOfJson, problemOfStream } from './verify.js';

const CASE = { mode: 'json', bodyBytes: 1024, connections: 64 } as const;
const LOAD = { completed: 1_000, seconds: 1, requestsPerSecond: 1_000, p50Us: 1, p99Us: 1, bytesReceived: 800_000, errors: 0, upstreamServed: 1_010, settlement: null };

describe('problemsOf', () => {
  it('finds none in a clean run, what was on the way at its end included', () => {
    expect(problemsOf(CASE, LOAD)).toEqual([]);
    expect(problemsOf(CASE, { ...LOAD, settlement: { recorded: 1_064, drainSeconds: 1 } })).toEqual([]);
  });

  it.each([
    ['errors', { errors: 1 }],
    ['nothing', { completed: 0 }],
    ['bodies cut short', { bytesReceived: 1_000 }],
    ['answers that the upstream never gave', { upstreamServed: 999 }],
    ['dropped records', { settlement: { recorded: 999, drainSeconds: 1 } }],
    ['records of nothing', { settlement: { recorded: 1_065, drainSeconds: 1 } }],
  ])('finds %s', (_, change) => {
    expect(problemsOf(CASE, { ...LOAD, ...change })).toHaveLength(1);
  });
});

describe('one answer, read in full', () => {
  const event = 'data: {"choices":[{"delta":{}}]}\n\n';
  const done = 'data: [DONE]\n\n';

  it('accepts whole ones', () => {
    expect(problemOfStream(event.repeat(SSE_EVENTS) + done)).toBeNull();
    expect(problemOfJson('{"id":"chatcmpl-1","choices":[{"message":{"content":"x"}}],"usage":{"total_tokens":3}}')).toBeNull();
  });

  it('refuses others', () => {
    expect(problemOfStream(event.repeat(SSE_EVENTS))).toMatch(/DONE/);
    expect(problemOfStream(event.repeat(SSE_EVENTS - 1) + done)).toMatch(/instead of/);
    expect(problemOfStream(`${event.repeat(SSE_EVENTS)}data: {"choices":[],"usage":{}}\n\n${done}`)).toMatch(/not asked for/);
    expect(problemOfJson('{"id":"chatcmpl-1","choices":[{"message":{"content":"x"}}]}')).toMatch(/usage/);
  });
});
