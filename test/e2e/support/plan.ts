/** Mixed traffic, decided by a seed and a number alone: request 17 of a seed is the same in every run. */
export interface PlannedRequest {
  /** Sent as `x-apex-session`: how its record is found. */
  readonly session: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly stream: boolean;
  /** Hang up once this many bytes of the answer have come. */
  readonly hangUpAfterBytes: number | null;
  /** What the client gets to see when nothing but the plan disturbs it. */
  readonly status: number;
  /** Whether the plan leaves the provider's bill unknown. */
  readonly disturbed: boolean;
}

interface Kind {
  /** Of a thousand requests. */
  readonly share: number;
  readonly make: (random: () => number, session: string) => Pick<PlannedRequest, 'body'> & Partial<PlannedRequest>;
}

const MODELS = ['gpt-4o-mini', 'gpt-4o-mini', 'gpt-4o', 'gpt-4.1-nano', 'gpt-5-nano', 'o4-mini'] as const;
const WORDS = 'river stone cloud lamp harbour violin copper meadow signal orbit thread winter'.split(' ');

const tool = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 9 } }, required: ['city', 'days'] } } });
const TOOLS = [tool('get_weather'), tool('get_tides')];

const pick = <T>(random: () => number, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const prose = (random: () => number, words: number): string => Array.from({ length: words }, () => pick(random, WORDS)).join(' ');

/** A prefix that many prompts share, long enough for the provider's prompt cache. */
const SHARED_PREFIX = Array.from({ length: 1_200 }, (_, i) => WORDS[i % WORDS.length]).join(' ');

const chat = (random: () => number, more: Readonly<Record<string, unknown>> = {}, ask = ''): Record<string, unknown> => ({
  model: pick(random, MODELS),
  messages: [{ role: 'user', content: `${ask} ${prose(random, 3 + Math.floor(random() * 30))}` }],
  ...more,
});

const faulty = (fault: string, session: string): Record<string, unknown> => ({ metadata: { simulate: fault, simulate_id: session } });

const KINDS: readonly Kind[] = [
  { share: 330, make: (random) => ({ body: chat(random) }) },
  { share: 20, make: (random) => ({ body: chat(random, { n: 3 }) }) },
  { share: 20, make: (random) => ({ body: { model: 'gpt-4o-mini', messages: [{ role: 'system', content: SHARED_PREFIX }, { role: 'user', content: prose(random, 5) }] } }) },
  { share: 170, make: (random) => ({ stream: true, body: chat(random, { stream: true }) }) },
  { share: 130, make: (random) => ({ stream: true, body: chat(random, { stream: true, stream_options: { include_usage: true } }) }) },
  { share: 50, make: (random) => ({ body: chat(random, { tools: TOOLS }, 'weather in parallel') }) },
  { share: 40, make: (random) => ({ stream: true, body: chat(random, { tools: TOOLS, stream: true }, 'weather in parallel') }) },
  { share: 80, make: (random) => ({ path: '/v1/embeddings', body: { model: 'text-embedding-3-small', input: [prose(random, 8), prose(random, 4)], dimensions: 64 } }) },
  { share: 10, make: (random) => ({ path: '/direct/v1/chat/completions', body: chat(random) }) },
  { share: 5, make: (random) => ({ status: 400, body: chat(random, { temperature: 9 }) }) },
  { share: 5, make: (random) => ({ status: 404, body: { ...chat(random), model: 'gpt-17' } }) },
  { share: 5, make: (random) => ({ status: 400, body: chat(random, { n: 0 }) }) },
  { share: 10, make: (random, session) => ({ body: chat(random, faulty('429;retry_after=0.02;times=1', session)) }) },
  { share: 3, make: (random, session) => ({ status: 429, body: chat(random, faulty('429;retry_after=0.01', session)) }) },
  { share: 10, make: (random, session) => ({ body: chat(random, faulty('500;times=1', session)) }) },
  { share: 10, make: (random, session) => ({ stream: true, body: chat(random, { stream: true, ...faulty('500;times=2', session) }) }) },
  { share: 2, make: (random, session) => ({ status: 500, body: chat(random, faulty('500', session)) }) },
  { share: 12, make: (random, session) => ({ body: chat(random, faulty('slow_first_byte=60', session)) }) },
  { share: 12, make: (random, session) => ({ stream: true, disturbed: true, body: chat(random, { stream: true, ...faulty('cut=4', session) }) }) },
  { share: 5, make: (random, session) => ({ status: 502, disturbed: true, body: chat(random, faulty('cut', session)) }) },
  { share: 6, make: (random, session) => ({ status: 502, disturbed: true, body: chat(random, faulty('malformed', session)) }) },
  { share: 5, make: (random, session) => ({ stream: true, body: chat(random, { stream: true, ...faulty('malformed', session) }) }) },
  { share: 6, make: (random, session) => ({ disturbed: true, body: chat(random, faulty('disconnect;times=1', session)) }) },
  { share: 4, make: (random, session) => ({ status: 502, disturbed: true, body: chat(random, faulty('disconnect', session)) }) },
  {
    share: 50,
    make: (random) => ({
      stream: true,
      disturbed: true,
      hangUpAfterBytes: Math.floor(random() * 60_000),
      body: { ...chat(random, { stream: true, metadata: { simulate_tokens: '2500' } }), model: 'gpt-4o-mini' },
    }),
  },
];

const TOTAL = KINDS.reduce((sum, kind) => sum + kind.share, 0);

/** Request `index` of the traffic of `seed`. */
export function plannedRequest(seed: number, index: number): PlannedRequest {
  const random = randomFrom(Math.imul(seed, 0x9e3779b1) ^ index);
  const session = `load-${seed}-${index}`;
  let at = random() * TOTAL;
  const kind = KINDS.find(({ share }) => (at -= share) < 0) ?? KINDS[0]!;
  return { session, path: '/v1/chat/completions', stream: false, hangUpAfterBytes: null, status: 200, disturbed: false, ...kind.make(random, session) };
}

/** mulberry32 (public domain, Tommy Ettinger). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
