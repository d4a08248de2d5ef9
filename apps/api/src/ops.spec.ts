import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { registerRollupMetrics, registerStripeMetrics } from '@apex/billing';
import { SystemClock } from '@apex/common';
import { GatewayMetrics, registerFeedMetrics, Tracing, telemetryConfig } from '@apex/telemetry';
import { type AttemptRow, type UsageRecordRow } from '@apex/usage';
import { type Observed, registerGauges } from './gauges.js';
import { SupervisedGroup } from './worker-process/supervised-group.js';

/** What Prometheus itself adds. */
const ITS_OWN = new Map([['up', new Set<string>()]]);
const SCRAPE_LABELS = ['job', 'instance'];

const read = (path: string): string => readFileSync(new URL(`../../../ops/${path}`, import.meta.url), 'utf8');

const CACHE: Pick<NonNullable<Observed['dataPlane']>, 'cache' | 'answers' | 'lane'> = {
  cache: { counts: { hits: { memory: 5, shared: 4, flight: 3 }, misses: 2, stored: 1, notStored: { too_large: 6 }, waiting: 7 } },
  answers: { figures: () => ({ answers: 8, bytes: 9, refused: 10, passedOver: 13 }), shared: () => true },
  lane: { laneCounts: { served: 11, handedOver: 12 } },
};
const NONE_LIMITED = { requests: 0, tokens: 0, concurrency: 0, budget: 0, platform_budget: 0 };

/** Everything that `/metrics` can show: sample names, each with its labels. */
async function exposed(): Promise<Map<string, Set<string>>> {
  const metrics = new GatewayMetrics();
  await Tracing.start(telemetryConfig({}), {}, metrics);
  const statistics = { backlogBytes: 0, backlogAgeMs: 0, orphansWaiting: 0, insertedRecords: 0, rejectedRecords: 0, interruptedRecords: 0, damagedPlaces: 0, writeErrors: 0, syncErrors: 0, lastError: null };
  registerGauges(metrics, {
    recording: { statistics: () => statistics } as Parameters<typeof registerGauges>[1]['recording'],
    home: tmpdir(),
    dataPlane: { ...CACHE, pipeline: { answersReplayed: 0, requestsInFlight: 0, unauthenticated: new Map([['invalid_api_key', 1]]) }, upstream: { poolStats: () => ({}) }, board: { breakers: () => new Map([['openai', { closed: 1, open: 0, half_open: 0 }]]) }, limiter: { limited: NONE_LIMITED, wouldHaveBeenLimited: NONE_LIMITED } },
  });
  const rollups = { markedAt: new Date().toISOString(), checkedAt: new Date().toISOString(), waiting: 0, differing: 0, differences: [] };
  registerRollupMetrics(metrics, { status: () => Promise.resolve(rollups) }, new SystemClock());
  registerStripeMetrics(
    metrics,
    { sendings: new Map([['sent', 1]]), webhooks: new Map([['stored', 1]]), events: new Map([['applied', 1]]) },
    { charges: () => Promise.resolve({ due: 1, uncertain: 0, held: 0, oldestSeconds: 1 }), refused: () => Promise.resolve(new Map([['missing', 1]])), events: () => Promise.resolve({ waiting: 1, oldestSeconds: 1 }), comparison: () => Promise.resolve({ differences: 0, ageSeconds: 1 }) },
  );
  registerFeedMetrics(metrics, { sent: 0, failures: 0, waitingSeconds: () => Promise.resolve(0) });
  const attempt = { provider: 'openai', model: 'gpt-4o', status: 'final', http_status: 200, error_code: null, duration_ms: 5 } as AttemptRow;
  const record = { ...attempt, surface: 'messages', path: 'gateway', stream: true, requested_model: 'gpt-4o', served_model: 'gpt-4o', pricing: 'priced', attempts: 1, prompt_tokens: 1, completion_tokens: 1, cost_pd: 1, first_byte_ms: 1 } as unknown as UsageRecordRow;
  metrics.observe(record, [attempt]);
  metrics.observe({ ...record, status: 'denied', error_code: 'overloaded' }, []);
  // Behind a supervisor, which has numbers of its own.
  const group: SupervisedGroup = new SupervisedGroup(1, true, { configured: 2, serving: 2, failing: 0, restarts: 0 }, (message) => {
    if (message.kind === 'ask_counts') queueMicrotask(() => group.counted(message.id, []));
  });
  const names = new Map<string, Set<string>>();
  for (const line of (await group.render(metrics)).body.split('\n')) {
    // What has not happened yet has a type and no samples.
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (declared !== null) for (const suffix of declared[2] === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) names.set(declared[1]! + suffix, names.get(declared[1]! + suffix) ?? new Set(suffix === '_bucket' ? ['le'] : []));
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line);
    if (sample === null) continue;
    const labels = names.get(sample[1]!) ?? new Set<string>();
    for (const [, label] of (sample[2] ?? '').matchAll(/([a-zA-Z_]\w*)="/g)) labels.add(label!);
    names.set(sample[1]!, labels);
  }
  // Node tells of collections only when there was one.
  for (const suffix of ['_bucket', '_sum', '_count']) names.get(`nodejs_gc_duration_seconds${suffix}`)?.add('kind');
  return names;
}

interface Use {
  readonly metric: string;
  readonly labels: readonly string[];
}

const WORDS = new Set(['by', 'without', 'on', 'ignoring', 'and', 'or', 'unless', 'bool', 'offset', 'group_left', 'group_right']);

/** The metrics of a PromQL expression, with the labels of their matchers; and the labels that it groups by. */
function usesOf(expr: string): { readonly uses: Use[]; readonly grouped: string[] } {
  const grouped: string[] = [];
  const rest = expr
    .replaceAll(/\$__\w+/g, '5m')
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g, (_all, names: string) => {
      grouped.push(...names.split(',').map((name) => name.trim()));
      return ' ';
    })
    .replaceAll(/\[[^\]]*\]/g, ' ');
  const uses: Use[] = [];
  for (const [, name, , matchers] of rest.matchAll(/([a-zA-Z_:][\w:]*)(\s*\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?(?!\w*\s*\()/g)) {
    if (WORDS.has(name!) || /^e\d+$/.test(name!)) continue;
    uses.push({ metric: name!, labels: [...(matchers ?? '').matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label!) });
  }
  return { uses, grouped };
}

function problemsOf(expr: string, names: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const { uses, grouped } = usesOf(expr);
  if (uses.length === 0) return [`no metric in: ${expr}`];
  const problems: string[] = [];
  const known = new Set(SCRAPE_LABELS);
  for (const { metric, labels } of uses) {
    const own = names.get(metric) ?? ITS_OWN.get(metric);
    if (own === undefined) problems.push(`no such metric: ${metric}`);
    for (const label of own ?? []) known.add(label);
    for (const label of labels) if (own !== undefined && !own.has(label) && !SCRAPE_LABELS.includes(label)) problems.push(`${metric} has no label ${label}`);
  }
  for (const label of grouped) if (!known.has(label)) problems.push(`nothing in it has the label ${label}: ${expr}`);
  return problems;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly gridPos: { readonly x: number; readonly w: number };
}

interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly keys: readonly string[];
}

/** The rules of a file that is written as this one is: a line for each expression. */
function alertsOf(text: string): Alert[] {
  return text
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((block) => ({ name: block.split('\n', 1)[0]!, expr: /^ {8}expr: (.+)$/m.exec(block)?.[1] ?? '', keys: [...block.matchAll(/^ {8,10}(\w+):/gm)].map(([, key]) => key!) }));
}

describe('files for operators', () => {
  let names: Map<string, Set<string>>;

  beforeAll(async () => {
    names = await exposed();
  });

  it('the check finds what is wrong', () => {
    expect(problemsOf('sum by (provider) (rate(apex_upstream_retries_total{job="apex"}[5m])) > 1e9', names)).toEqual([]);
    expect(problemsOf('sum(rate(apex_no_such_total[5m])) / sum(apex_requests_in_flight)', names)).toEqual(['no such metric: apex_no_such_total']);
    expect(problemsOf('sum(rate(apex_requests_total{model="x"}[5m]))', names)).toEqual(['apex_requests_total has no label model']);
    expect(problemsOf('sum by (model) (rate(apex_requests_total[5m]))', names)).toEqual([expect.stringContaining('label model')]);
    expect(problemsOf('apex_request_duration_seconds > 1', names)).toEqual(['no such metric: apex_request_duration_seconds']);
    expect(problemsOf('vector(1)', names)).toEqual([expect.stringContaining('no metric')]);
  });

  it('the dashboard shows only what there is', () => {
    const { panels, templating, uid } = JSON.parse(read('grafana/apex.json')) as { panels: Panel[]; uid: string; templating: { list: { definition?: string }[] } };
    const shown = panels.filter(({ type }) => type !== 'row');
    expect([uid, shown.length > 25, new Set(panels.map(({ id }) => id)).size]).toEqual(['netra-apex', true, panels.length]);
    for (const { title, targets = [], gridPos } of shown) {
      expect([title, targets.length > 0, gridPos.x + gridPos.w <= 24]).toEqual([title, true, true]);
      for (const { expr, legendFormat } of targets) {
        expect([title, problemsOf(expr, names)]).toEqual([title, []]);
        // A legend names what is left after the sum.
        const { grouped } = usesOf(expr);
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect([title, grouped]).toEqual([title, expect.arrayContaining([label])]);
      }
    }
    for (const { definition } of templating.list) if (definition !== undefined) expect(names.has(/label_values\((\w+),/.exec(definition)?.[1] ?? '')).toBe(true);
  });

  it('the alerts watch only what there is, and say what to do', () => {
    const alerts = alertsOf(read('prometheus/alerts.yml'));
    expect(alerts.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['ApexErrorRate', 'ApexAddedLatency', 'ApexJournalBacklogOld', 'ApexBreakerOpen', 'ApexShedding', 'ApexEventLoopLag', 'ApexUnpriced', 'ApexDiskLow', 'ApexCacheNotShared', 'ApexCacheRefuses', 'ApexStrangers', 'ApexProcessFailing']),
    );
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
    for (const { name, expr, keys } of alerts) {
      expect([name, problemsOf(expr, names)]).toEqual([name, []]);
      expect([name, keys]).toEqual([name, expect.arrayContaining(['expr', 'labels', 'annotations', 'summary', 'look'])]);
    }
  });

  it('every metric of ours is documented', () => {
    const docs = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
    const ours = [...names.keys()].filter((name) => name.startsWith('apex_')).map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
    expect([...new Set(ours)].filter((name) => !docs.includes(`\`${name}`))).toEqual([]);
  });
});
