import { casesOf, describeCase, expectedMinutes, parseOptions, resultName, secondsOf } from './plan.js';

const KNOWN = ['direct', 'bare', 'apex', 'portkey'];
const parse = (...args: string[]): ReturnType<typeof parseOptions> => parseOptions(args, KNOWN, '/results');

describe('parseOptions', () => {
  it('runs everything three times by default', () => {
    expect(parse()).toEqual({ rounds: 3, seconds: 10, secondsAlone: 4, warmUpSeconds: 5, targets: KNOWN, modes: ['json', 'sse'], bodiesKb: [1], connections: [1, 64], upstream: 'http', full: false, out: '/results', profile: null });
  });

  it('--quick shortens what is not said otherwise', () => {
    expect(parse('--profile', 'here')).toMatchObject({ out: null, profile: 'here' });
    expect(parse('--quick', '--rounds', '2')).toMatchObject({ rounds: 2, seconds: 2, out: null });
  });

  it('--full is every size at every number of connections, and anything said otherwise holds', () => {
    expect(parse('--full')).toMatchObject({ rounds: 3, seconds: 5, secondsAlone: 2, bodiesKb: [1, 10, 100], connections: [1, 64, 1000], modes: ['json', 'sse'], full: true, out: '/results' });
    expect(casesOf(parse('--full'))).toHaveLength(18);
    expect(parse('--full', '--body-kb', '10', '--upstream', 'tls')).toMatchObject({ bodiesKb: [10], connections: [1, 64, 1000], upstream: 'tls' });
    expect(parse('--full', '--quick')).toMatchObject({ rounds: 1, seconds: 2, out: null });
  });

  it('always measures the upstream itself', () => {
    expect(parse('--targets', 'apex,bare').targets).toEqual(['direct', 'apex', 'bare']);
  });

  it.each([[['--rounds', '0']], [['--rounds']], [['--connections', '1,x']], [['--targets', 'apex,nginx']], [['--fast']], [['--modes', '']], [['--upstream', 'quic']]])('refuses %j', (args) => {
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

describe('resultName', () => {
  it('keeps runs apart that measured different things', () => {
    const names = [[], ['--full'], ['--upstream', 'tls'], ['--full', '--upstream', 'tls'], ['--modes', 'hit,miss']].map((args) => resultName(parse(...args)));
    expect(names).toEqual(['gateway', 'gateway-full', 'gateway-tls', 'gateway-full-tls', 'gateway-cache']);
  });
});

describe('secondsOf', () => {
  it('is short at one connection and long where opening them takes time', () => {
    const options = parse('--connections', '1,64,1000', '--modes', 'sse');
    expect(casesOf(options).map((which) => secondsOf(options, which))).toEqual([4, 10, 20]);
  });
});

describe('expectedMinutes', () => {
  it('counts every load of every target in every round', () => {
    const options = parse('--modes', 'json', '--connections', '64', '--rounds', '3');
    // Three loads of 10 s and what is beside them, and a warm-up of 5 s.
    expect(expectedMinutes(options, 4)).toBeCloseTo((4 * (3 * 11.5 + 5)) / 60);
    expect(expectedMinutes(parse('--full'), 5)).toBeLessThan(45);
  });
});
