import { FaultDesk, FaultSyntaxError, parseFault } from './faults.js';
import { randomFrom } from './random.js';

describe('parseFault', () => {
  it.each([
    ['429', { kind: 'status', status: 429, retryAfterSeconds: null }],
    ['429;retry_after=0.5', { kind: 'status', status: 429, retryAfterSeconds: 0.5 }],
    ['503', { kind: 'status', status: 503, retryAfterSeconds: null }],
    ['529', { kind: 'status', status: 529, retryAfterSeconds: null }],
    ['hang', { kind: 'hang' }],
    ['disconnect', { kind: 'disconnect' }],
    ['slow_first_byte=1500', { kind: 'slow_first_byte', delayMs: 1500 }],
    ['cut', { kind: 'cut', afterChunks: 5 }],
    ['cut=2', { kind: 'cut', afterChunks: 2 }],
    ['stream_error', { kind: 'stream_error', afterChunks: 5 }],
    ['stream_error=0', { kind: 'stream_error', afterChunks: 0 }],
    ['malformed', { kind: 'malformed' }],
  ])('reads %s', (text, fault) => {
    expect(parseFault(text)).toEqual({ fault, times: null });
    expect(parseFault(`${text};times=3`)).toEqual({ fault, times: 3 });
  });

  it.each(['', '404', 'slow_first_byte', 'slow_first_byte=x', 'cut=-1', '500;often=1', 'hang=3', '429;times='])('refuses %p', (text) => {
    expect(() => parseFault(text)).toThrow(FaultSyntaxError);
  });
});

describe('FaultDesk', () => {
  it('fails the first attempts of an id, then no more', () => {
    const desk = new FaultDesk(randomFrom(1));
    const kinds = (id: string): unknown[] => Array.from({ length: 3 }, () => desk.choose('500;times=2', id, 'gpt-4o')?.kind);
    expect(kinds('a')).toEqual(['status', 'status', undefined]);
    expect(kinds('b')).toEqual(['status', 'status', undefined]);
    expect(() => desk.choose('500;times=2', undefined, 'gpt-4o')).toThrow('simulate_id');
    desk.clear();
    expect(kinds('a')).toEqual(['status', 'status', undefined]);
  });

  it('strikes as often as the rule says, on its model only, the same way for the same seed', () => {
    const run = (): string => {
      const desk = new FaultDesk(randomFrom(7));
      desk.replaceRules([{ fault: '500', probability: 0.25, model: 'gpt-4o' }]);
      expect(Array.from({ length: 100 }, () => desk.choose(undefined, undefined, 'o3')).every((fault) => fault === null)).toBe(true);
      return Array.from({ length: 4_000 }, () => (desk.choose(undefined, undefined, 'gpt-4o') ? 'x' : '.')).join('');
    };
    const first = run();
    expect(first.match(/x/g)?.length).toBeGreaterThan(900);
    expect(first.match(/x/g)?.length).toBeLessThan(1_100);
    expect(run()).toBe(first);
  });

  it('keeps its rules when new ones are wrong', () => {
    const desk = new FaultDesk(randomFrom(1));
    desk.replaceRules([{ fault: 'hang', probability: 1 }]);
    expect(() => desk.replaceRules([{ fault: 'hagn', probability: 1 }])).toThrow(FaultSyntaxError);
    expect(() => desk.replaceRules([{ fault: 'hang;times=1', probability: 1 }])).toThrow(FaultSyntaxError);
    expect(desk.rules).toEqual([{ fault: 'hang', probability: 1 }]);
  });
});
