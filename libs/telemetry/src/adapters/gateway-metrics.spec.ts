import { GatewayMetrics } from './gateway-metrics.js';
import { attemptRow, recordRow } from '../core/rows.fakes.js';

const chat = recordRow({ stream: true, attempts: 2 });
const failed = attemptRow({ status: 'failed', http_status: 503, error_code: 'upstream_503', duration_ms: 300 });
const answered = attemptRow({ attempt_no: 2, started_at: '2026-11-23T00:00:00.302Z', duration_ms: 890 });
const traffic = 'surface="chat.completions",path="gateway",provider="openai",stream="true"';
const times = 'surface="chat.completions",model_family="gpt-4o",status_class="2xx",stream="true"';

describe('GatewayMetrics', () => {
  it('renders what was observed, as often as it is asked', async () => {
    const metrics = new GatewayMetrics();
    metrics.observe(chat, [failed, answered]);
    metrics.observe(chat, [failed, answered]);
    metrics.observe(recordRow({ stream: true, provider: null, served_model: null, status: 'denied', http_status: 503, error_code: 'overloaded', attempts: 0, prompt_tokens: 0, completion_tokens: 0, cost_pd: 0, pricing: 'none', first_byte_ms: null }), []);
    metrics.observe({ ...chat, pricing: 'unpriced', cost_pd: 0, attempts: 1, duration_ms: 1_000 }, [attemptRow({ duration_ms: 996 })]);
    await metrics.render();
    const { contentType, body } = await metrics.render();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = body.split('\n');
    for (const line of [
      '# TYPE apex_requests_total counter',
      `apex_requests_total{${traffic},status="final",http_status="200"} 3`,
      'apex_requests_total{surface="chat.completions",path="gateway",provider="none",stream="true",status="denied",http_status="503"} 1',
      `apex_tokens_total{${traffic},kind="prompt"} 90`,
      `apex_tokens_total{${traffic},kind="completion"} 36`,
      `apex_cost_picodollars_total{${traffic}} 23400000`,
      `apex_unpriced_requests_total{${traffic}} 1`,
      `apex_upstream_attempts_total{${traffic}} 5`,
      'apex_denied_requests_total{code="overloaded"} 1',
      '# TYPE apex_request_duration_seconds histogram',
      `apex_request_duration_seconds_bucket{${times},le="1"} 1`,
      `apex_request_duration_seconds_bucket{${times},le="2.5"} 3`,
      `apex_request_duration_seconds_bucket{${times},le="+Inf"} 3`,
      `apex_request_duration_seconds_sum{${times}} 3.4`,
      `apex_request_duration_seconds_count{${times}} 3`,
      'apex_request_duration_seconds_count{surface="chat.completions",model_family="gpt-4o",status_class="5xx",stream="true"} 1',
      `apex_first_byte_seconds_bucket{${times},le="0.1"} 3`,
      `apex_first_byte_seconds_count{${times}} 3`,
      'apex_added_latency_seconds_bucket{le="0.003"} 0',
      'apex_added_latency_seconds_bucket{le="0.005"} 1',
      'apex_added_latency_seconds_count 1',
      'apex_upstream_attempt_duration_seconds_bucket{provider="openai",outcome="failed",le="0.5"} 2',
      'apex_upstream_attempt_duration_seconds_count{provider="openai",outcome="final"} 3',
      'apex_upstream_results_total{provider="openai",result="503"} 2',
      'apex_upstream_results_total{provider="openai",result="200"} 3',
      'apex_upstream_retries_total{provider="openai"} 2',
      'apex_upstream_fallbacks_total{provider="openai"} 0',
      'apex_upstream_hedges_total{provider="openai"} 0',
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('shows the process, its garbage collection and its event loop', async () => {
    const { body } = await new GatewayMetrics().render();
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'nodejs_gc_duration_seconds', 'process_resident_memory_bytes', 'process_cpu_seconds_total']) expect(body).toContain(name);
    expect(body).toMatch(/^apex_event_loop_delay_seconds\{quantile="0\.99"\} [\d.e-]+$/m);
  });

  it('reads gauges when it is scraped, and leaves out one that fails', async () => {
    const metrics = new GatewayMetrics();
    let backlog = 7;
    let breakers = [{ labels: { provider: 'openai' }, value: 1 }, { labels: { provider: 'groq' }, value: 0 }];
    metrics.registerGauge('apex_journal_backlog', 'Entries not yet in Postgres.', () => backlog);
    metrics.registerGauge('apex_late', 'Takes its time.', () => Promise.resolve(5));
    metrics.registerGauge('apex_breakers', 'By provider.', () => breakers, { labels: ['provider'] });
    metrics.registerGauge('apex_broken', 'Fails.', () => {
      throw new Error('away');
    });
    const first = (await metrics.render()).body;
    expect(first).toContain('\napex_journal_backlog 7\n');
    expect(first).toContain('\napex_late 5\n');
    expect(first).toContain('\napex_breakers{provider="openai"} 1\napex_breakers{provider="groq"} 0\n');
    backlog = 0;
    breakers = [{ labels: { provider: 'groq' }, value: 3 }];
    const { body } = await metrics.render();
    expect(body).toContain('\napex_journal_backlog 0\n');
    expect(body.match(/^apex_breakers\{.*$/gm)).toEqual(['apex_breakers{provider="groq"} 3']);
    expect(body).not.toMatch(/^apex_broken /m);
    expect(() => metrics.registerGauge('apex_journal_backlog', 'Again.', () => 1)).toThrow();
  });

  it('shows a count that somebody else keeps', async () => {
    const metrics = new GatewayMetrics();
    let replays = 3;
    metrics.registerCounter('apex_replays_total', 'Replays.', () => replays);
    expect((await metrics.render()).body).toContain('\n# TYPE apex_replays_total counter\napex_replays_total 3\n');
    replays = 5;
    expect((await metrics.render()).body).toContain('\napex_replays_total 5\n');
  });

  it('renders nothing that a scraper could not parse', async () => {
    const metrics = new GatewayMetrics();
    metrics.observe(chat, [failed, answered]);
    const { body } = await metrics.render();
    const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (?:[-+]?\d+(\.\d+)?(e[-+]?\d+)?|NaN|Nan|[+-]Inf)$/;
    expect(body.split('\n').filter((line) => line !== '' && !line.startsWith('# ') && !sample.test(line))).toEqual([]);
  });
});
