import { GatewayMetrics } from './gateway-metrics.js';
import { type RequestObservation } from '../core/request-ledger.js';

const chat: RequestObservation = {
  surface: 'chat.completions',
  path: 'gateway',
  provider: 'openai',
  status: 'final',
  httpStatus: 200,
  stream: true,
  durationMs: 1_200,
  firstByteMs: 80,
  attempts: 2,
  promptTokens: 30,
  completionTokens: 12,
  costPicodollars: 11_700_000,
  pricing: 'priced',
};
const labels = 'surface="chat.completions",path="gateway",provider="openai",stream="true"';

describe('GatewayMetrics', () => {
  it('renders what was observed, as often as it is asked', async () => {
    const metrics = new GatewayMetrics();
    metrics.observe(chat);
    metrics.observe(chat);
    metrics.observe({ ...chat, provider: null, status: 'denied', httpStatus: 401, attempts: 0, promptTokens: 0, completionTokens: 0, costPicodollars: 0, pricing: 'none', firstByteMs: null });
    metrics.observe({ ...chat, pricing: 'unpriced', costPicodollars: 0 });
    await metrics.render();
    const { contentType, body } = await metrics.render();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = body.split('\n');
    for (const line of [
      '# TYPE apex_requests_total counter',
      `apex_requests_total{${labels},status="final",http_status="200"} 3`,
      'apex_requests_total{surface="chat.completions",path="gateway",provider="none",stream="true",status="denied",http_status="401"} 1',
      `apex_tokens_total{${labels},kind="prompt"} 90`,
      `apex_tokens_total{${labels},kind="completion"} 36`,
      `apex_cost_picodollars_total{${labels}} 23400000`,
      `apex_unpriced_requests_total{${labels}} 1`,
      `apex_upstream_attempts_total{${labels}} 6`,
      '# TYPE apex_request_duration_seconds histogram',
      `apex_request_duration_seconds_bucket{${labels},le="1"} 0`,
      `apex_request_duration_seconds_bucket{${labels},le="2.5"} 3`,
      `apex_request_duration_seconds_bucket{${labels},le="+Inf"} 3`,
      `apex_request_duration_seconds_sum{${labels}} 3.6`,
      `apex_request_duration_seconds_count{${labels}} 3`,
      `apex_first_byte_seconds_bucket{${labels},le="0.1"} 3`,
      `apex_first_byte_seconds_count{${labels}} 3`,
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('shows the process and its event loop', async () => {
    const { body } = await new GatewayMetrics().render();
    expect(body).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(body).toContain('process_resident_memory_bytes');
  });

  it('reads gauges when it is scraped, and leaves out one that fails', async () => {
    const metrics = new GatewayMetrics();
    let backlog = 7;
    metrics.registerGauge('apex_journal_backlog', 'Entries not yet in Postgres.', () => backlog);
    metrics.registerGauge('apex_broken', 'Fails.', () => {
      throw new Error('away');
    });
    expect((await metrics.render()).body).toContain('\napex_journal_backlog 7\n');
    backlog = 0;
    const { body } = await metrics.render();
    expect(body).toContain('\napex_journal_backlog 0\n');
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
    metrics.observe(chat);
    const { body } = await metrics.render();
    const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (?:[-+]?\d+(\.\d+)?(e[-+]?\d+)?|NaN|Nan|[+-]Inf)$/;
    expect(body.split('\n').filter((line) => line !== '' && !line.startsWith('# ') && !sample.test(line))).toEqual([]);
  });
});
