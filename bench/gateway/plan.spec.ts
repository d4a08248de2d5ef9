import { casesOf, describeCase, parseOptions } from './plan.js';

const KNOWN = ['direct', 'bare', 'apex', 'portkey'];
const parse = (...args: string[]): ReturnType<typeof parseOptions> => parseOptions(args, KNOWN, '/results');

describe('parseOptions', () => {
  it('runs everything three times by default', () => {
    expect(parse()).toEqual({ rounds: 3, seconds: 10, secondsAlone: 4, warmUpSeconds: 5, targets: KNOWN, modes: ['json', 'sse'], bodiesKb: [1], connections: [1, 64], out: '/results', profile: null });
  });

  it('--quick shortens what is not said otherwise', () => {
    expect(parse('--profile', 'here')).toMatchObject({ out: null, profile: 'here' });
    expect(parse('--quick', '--rounds', '2')).toMatchObject({ rounds: 2, seconds: 2, out: null });
  });

  it('always measures the upstream itself', () => {
    expect(parse('--targets', 'apex,bare').targets).toEqual(['direct', 'apex', 'bare']);
  });

  it.each([[['--rounds', '0']], [['--rounds']], [['--connections', '1,x']], [['--targets', 'apex,nginx']], [['--fast']], [['--modes', '']]])('refuses %j', (args) => {
    expect(() => parse(...args)).toThrow();
  });
});

describe('casesOf', () => {
  it('is every combination', () => {
    const cases = casesOf(parse('--body-kb', '1,10', '--connections', '1,64,1000'));
    expect(cases).toHaveLength(12);
    expect(new Set(cases.map(describeCase)).size).toBe(12);
  });
});
