import { newId } from '@apex/common';
import { beginTrace } from './begin-trace.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const incoming = (flags: string) => ({ traceparent: `00-${TRACE}-${SPAN}-${flags}`, tracestate: 'rojo=1' });
const always = { parentBased: true, ratio: 1 };
const never = { parentBased: true, ratio: 0 };

describe('beginTrace', () => {
  const id = newId();

  it('is nothing without tracing and without a valid trace of the caller', () => {
    for (const headers of [{}, { traceparent: 'x' }, { tracestate: 'rojo=1' }, { traceparent: `00-${TRACE}-${SPAN}-0g` }]) expect(beginTrace(id, headers, null)).toBeNull();
  });

  it("passes the caller's on as it came, without tracing or where it is not kept", () => {
    for (const [flags, sampler] of [['01', null], ['00', null], ['00', always], ['02', always], ['01', { parentBased: false, ratio: 0 }]] as const) {
      expect(beginTrace(id, incoming(flags), sampler)).toEqual({ traceId: TRACE, parentSpanId: SPAN, flags: Number(flags), state: 'rojo=1', recorded: false, passed: `00-${TRACE}-${SPAN}-${flags}` });
    }
  });

  it("goes on with the caller's where it is kept, with the flags that are known", () => {
    expect(beginTrace(id, incoming('01'), never)).toEqual({ traceId: TRACE, parentSpanId: SPAN, flags: 1, state: 'rojo=1', recorded: true, passed: null });
    expect(beginTrace(id, incoming('ff'), never)).toMatchObject({ flags: 3 });
    expect(beginTrace(id, incoming('00'), { parentBased: false, ratio: 1 })).toMatchObject({ flags: 1, recorded: true });
  });

  it("begins one where there is none, or none that is valid, and leaves that one's state behind", () => {
    for (const headers of [{}, { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01`, tracestate: 'rojo=1' }]) {
      expect(beginTrace(id, headers, always)).toEqual({ traceId: id.replaceAll('-', ''), parentSpanId: null, flags: 1, state: null, recorded: true, passed: null });
      expect(beginTrace(id, headers, never)).toMatchObject({ flags: 0, recorded: false, passed: null });
    }
  });

  it('keeps a trace whose state is not valid, without the state', () => {
    expect(beginTrace(id, { ...incoming('01'), tracestate: 'A=1' }, always)).toMatchObject({ traceId: TRACE, state: null });
  });
});
