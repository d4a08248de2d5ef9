import { newId } from '@apex/common';
import fc from 'fast-check';
import { isSampled } from './begin-trace.js';
import { type RequestTrace, addTraceHeaders, formatTraceParent, parseTraceParent, parseTraceState, spanIdOf, traceIdOf } from './trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const hex = (length: number) => fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map((digits) => digits.join(''));
const notZero = (length: number) => hex(length).filter((digits) => !/^0+$/.test(digits));

describe('parseTraceParent', () => {
  it('reads every valid one', () => {
    fc.assert(
      fc.property(notZero(32), notZero(16), fc.nat(255), (traceId, spanId, flags) => {
        const header = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
        expect(parseTraceParent(header)).toEqual({ traceId, spanId, flags });
        expect(formatTraceParent({ traceId, spanId, flags })).toBe(header);
      }),
    );
  });

  it('reads what it knows of a version to come, and nothing of version ff', () => {
    fc.assert(
      fc.property(hex(2), fc.string({ maxLength: 20 }).filter((text) => !/[\n\r\u2028\u2029]/.test(text)), (version, more) => {
        const bare = parseTraceParent(`${version}-${TRACE}-${SPAN}-01`);
        const longer = parseTraceParent(`${version}-${TRACE}-${SPAN}-01-${more}`);
        expect(bare).toEqual(version === 'ff' ? null : { traceId: TRACE, spanId: SPAN, flags: 1 });
        expect(longer).toEqual(version === 'ff' || version === '00' ? null : { traceId: TRACE, spanId: SPAN, flags: 1 });
      }),
    );
  });

  it.each([
    undefined,
    '',
    [`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`],
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-0`,
    `00-${TRACE}-${SPAN}-01 `,
    `00-${TRACE}-${SPAN}-01\n`,
    `01-${TRACE}-${SPAN}-01.x`,
    `01-${TRACE}-${SPAN}-01-${'x'.repeat(500)}`,
  ])('refuses %j', (header) => {
    expect(parseTraceParent(header)).toBeNull();
  });

  it('takes no text for a valid one that is not, and makes nothing of it that a header could not hold', () => {
    const near = fc.tuple(fc.constant(`00-${TRACE}-${SPAN}-01`), fc.nat(54), fc.string({ minLength: 1, maxLength: 1 })).map(([valid, at, char]) => valid.slice(0, at) + char + valid.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 80 }), near), (text) => {
        const parsed = parseTraceParent(text);
        if (parsed === null) return;
        expect(text).toMatch(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)/);
        expect(text).toContain(`${parsed.traceId}-${parsed.spanId}`);
        expect(formatTraceParent(parsed)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('parseTraceState', () => {
  it.each(['rojo=00f067aa0ba902b7', 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7', 'fw529a3039@dt=FfffffX;a b', ' a=1 ,\tb=2', 'a=1,,b=2'])('passes %j on as it came', (text) => {
    expect(parseTraceState(text)).toBe(text);
  });

  it('joins what came in several headers', () => {
    expect(parseTraceState(['a=1', 'b=2'])).toBe('a=1,b=2');
  });

  it.each([undefined, '', ',', 'a', '=1', 'A=1', 'a=', 'a=1=2', 'a=1,a=2', 'a=\u00e9', 'a=1\r\nx: y', `a=${'x'.repeat(257)}`, `a=${'x'.repeat(200)},b=${'x'.repeat(200)},c=${'x'.repeat(200)}`, Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(',')])('leaves %j out', (text) => {
    expect(parseTraceState(text)).toBeNull();
  });
});

describe('ids', () => {
  it('of ours are valid ids of traces and spans', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 2_000; i++) {
      const id = newId();
      expect(parseTraceParent(`00-${traceIdOf(id)}-${spanIdOf(id)}-00`)).toEqual({ traceId: traceIdOf(id), spanId: spanIdOf(id), flags: 0 });
      seen.add(spanIdOf(id));
    }
    expect(seen.size).toBe(2_000);
  });
});

describe('isSampled', () => {
  const parent = (flags: number) => ({ traceId: TRACE, spanId: SPAN, flags });

  it("follows the caller's decision where it is to", () => {
    for (const ratio of [0, 0.5, 1]) {
      expect(isSampled({ parentBased: true, ratio }, TRACE, parent(0x01))).toBe(true);
      expect(isSampled({ parentBased: true, ratio }, TRACE, parent(0x03))).toBe(true);
      expect(isSampled({ parentBased: true, ratio }, TRACE, parent(0x02))).toBe(false);
    }
    expect(isSampled({ parentBased: false, ratio: 0 }, TRACE, parent(0x01))).toBe(false);
    expect(isSampled({ parentBased: false, ratio: 1 }, TRACE, parent(0x00))).toBe(true);
  });

  it.each([0.001, 0.1, 0.5, 0.9])('keeps about %d of our own traces, and a kept one at every higher share', (ratio) => {
    const ids = Array.from({ length: 20_000 }, () => traceIdOf(newId()));
    const kept = ids.filter((id) => isSampled({ parentBased: true, ratio }, id, null));
    // Five standard deviations.
    expect(Math.abs(kept.length - ratio * ids.length)).toBeLessThan(5 * Math.sqrt(ids.length * ratio * (1 - ratio)));
    for (const id of kept) expect(isSampled({ parentBased: true, ratio: Math.min(1, ratio * 1.1) }, id, null)).toBe(true);
  });
});

describe('addTraceHeaders', () => {
  const id = newId();
  const trace: RequestTrace = { traceId: TRACE, parentSpanId: SPAN, flags: 1, state: null, recorded: true, passed: null };

  it("names the attempt as the provider's parent", () => {
    const headers = { accept: '*/*' };
    addTraceHeaders(headers, { ...trace, state: 'a=1' }, id);
    expect(headers).toEqual({ accept: '*/*', traceparent: `00-${TRACE}-${spanIdOf(id)}-01`, tracestate: 'a=1' });
    addTraceHeaders(headers, { ...trace, flags: 0 }, id);
    expect(headers).toMatchObject({ traceparent: `00-${TRACE}-${spanIdOf(id)}-00` });
  });

  it('passes on as it came what is not recorded here', () => {
    const headers = {};
    addTraceHeaders(headers, { ...trace, recorded: false, passed: 'cc-as-it-came' }, id);
    expect(headers).toEqual({ traceparent: 'cc-as-it-came' });
  });
});
