import { type RequestTrace } from '@apex/telemetry';
import { type RequestObserver } from '../ports/request-observer.js';
import { answer, ask, createWorld } from './pipeline.fakes.js';

const trace: RequestTrace = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentSpanId: '00f067aa0ba902b7', flags: 1, state: 'rojo=1', recorded: true, passed: null };

describe('the trace of a request', () => {
  const observed: Parameters<RequestObserver['observe']>[] = [];
  const observer = { begin: () => null, observe: (...told: Parameters<RequestObserver['observe']>) => void observed.push(told) };
  beforeEach(() => observed.splice(0));

  it('goes on to the provider with each attempt as its parent, and to the observer with all of them', async () => {
    const world = createWorld([{ status: 500 }, { status: 200, chunks: [answer] }], { observer });
    world.ask(ask, { trace });
    await world.settled();
    world.waits[0]!.run();
    await world.settled();
    const spans = world.recorder.closed[0]!.attempts.map(({ attempt_id }) => attempt_id.replaceAll('-', '').slice(16));
    expect(world.upstream.requests.map(({ headers }) => headers)).toMatchObject(spans.map((span) => ({ traceparent: `00-${trace.traceId}-${span}-01`, tracestate: 'rojo=1' })));
    expect(new Set(spans).size).toBe(2);
    expect(observed).toEqual([[world.recorder.closed[0]!.record, world.recorder.closed[0]!.attempts, trace]]);
  });

  it('goes on as it came where it is not recorded here', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }], { observer });
    const passed = `00-${trace.traceId}-${trace.parentSpanId}-00`;
    world.ask(ask, { trace: { ...trace, state: null, recorded: false, passed } });
    await world.settled();
    expect(world.upstream.requests[0]!.headers).toMatchObject({ traceparent: passed });
    expect(world.upstream.requests[0]!.headers).not.toHaveProperty('tracestate');
  });

  it('is nothing where there is none: what the client sent as one is not passed', async () => {
    const world = createWorld([{ status: 200, chunks: [answer] }], { observer, keyOwner: 'customer' });
    world.ask(ask, { headers: { traceparent: 'garbage', tracestate: 'garbage' } });
    await world.settled();
    expect(Object.keys(world.upstream.requests[0]!.headers).filter((name) => name.startsWith('trace'))).toEqual([]);
    expect(observed[0]![2]).toBeNull();
  });

  it('is told of a refusal and of a defect too', async () => {
    const defects: unknown[] = [];
    const world = createWorld([], {
      observer,
      onDefect: (_error, request) => defects.push(request.trace),
      traffic: {
        assign: () => {
          if (observed.length === 1 && defects.length === 0) throw new Error('a defect');
          return { cohort: 'gateway' };
        },
      },
    });
    world.ask('{', { trace });
    await world.settled();
    world.ask(ask, { trace });
    await world.settled();
    expect(observed.map(([record, attempts, told]) => [record.error_code, attempts, told])).toEqual([
      ['malformed_json', [], trace],
      ['internal_error', [], trace],
    ]);
    expect(defects).toEqual([trace]);
  });
});
