import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type Server, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { type CollectedSpan, Collector } from '../../../test/support/collector.js';
import { until } from '../../../test/support/eventually.js';
import { type TestDatabase, createTestDatabase } from '../../../test/support/postgres.js';
import { runProgram } from '../../../test/support/program.js';
import { type RunningApi, startApi } from './start-api.js';

// Whole processes' worth is started.
jest.setTimeout(90_000);

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PROMPT = 'my patient is called Alice';
const PROVIDER_KEY = 'sk-provider-0123456789abcdef';
const SERVER = 2;
const CLIENT = 3;

/** A provider that remembers what it was asked with. */
class Provider {
  readonly asked: IncomingHttpHeaders[] = [];
  /** Statuses of the next answers; 200 after them. */
  readonly statuses: number[] = [];
  private readonly server: Server = createServer((request, response) => {
    this.asked.push(request.headers);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { stream } = JSON.parse(Buffer.concat(chunks).toString()) as { stream?: boolean };
      const status = this.statuses.shift() ?? 200;
      const usage = { prompt_tokens: 19, completion_tokens: 7, total_tokens: 26 };
      if (status !== 200) return response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}');
      if (stream !== true) return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'chatcmpl-1', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' } }], usage }));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return response.end(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'hi' } }] })}\n\ndata: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`);
    });
  });

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

describe('OpenTelemetry', () => {
  const provider = new Provider();
  const homes: string[] = [];
  const running: RunningApi[] = [];
  let database: TestDatabase;
  let collector: Collector;
  let providerUrl: string;

  beforeAll(async () => {
    [database, collector, providerUrl] = await Promise.all([createTestDatabase(), Collector.start(), provider.start()]);
  });

  afterAll(async () => {
    await Promise.all(running.map((api) => api.close()));
    await Promise.all([collector.close(), provider.close(), database.drop()]);
    for (const home of homes) rmSync(home, { recursive: true, force: true });
  });

  beforeEach(() => {
    provider.asked.splice(0);
    collector.mode = 'takes';
  });

  const start = async (env: NodeJS.ProcessEnv): Promise<RunningApi> => {
    const home = mkdtempSync(join(tmpdir(), 'apex-telemetry-'));
    homes.push(home);
    const api = await startApi({
      port: 0,
      host: '127.0.0.1',
      home,
      databaseUrl: database.url,
      redis: { url: null, note: 'not wanted here' },
      role: 'all',
      simulatorUrl: null,
      demo: true,
      env: { APEX_LOG_LEVEL: 'silent', OPENAI_BASE_URL: providerUrl, OPENAI_API_KEY: PROVIDER_KEY, ...env },
    });
    running.push(api);
    return api;
  };

  const stop = async (api: RunningApi): Promise<void> => {
    running.splice(running.indexOf(api), 1);
    await api.close();
  };

  const ask = (api: RunningApi, { headers = {}, ...body }: { headers?: Record<string, string>; stream?: boolean; messages?: unknown } = {}): Promise<Response> =>
    fetch(`${api.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.credentials!.apiKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: PROMPT }], ...body }),
    });

  const spansOf = async (traceId: string, count: number): Promise<CollectedSpan[]> => {
    const found = (): CollectedSpan[] => collector.spans.filter((span) => span.traceId === traceId);
    await until(() => found().length >= count, `${count} spans of ${traceId}`);
    return found();
  };

  const metricsOf = async (api: RunningApi): Promise<string> => (await fetch(`${api.baseUrl}/metrics`)).text();
  const valueOf = (metrics: string, name: string): number => Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\d+)$`, 'm').exec(metrics)?.[1]);

  const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

  describe('with a collector', () => {
    let api: RunningApi;

    beforeAll(async () => {
      api = await start({
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=very%20secret',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        OTEL_SERVICE_NAME: 'edge',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        OTEL_BSP_SCHEDULE_DELAY: '20',
        OTEL_METRIC_EXPORT_INTERVAL: '50',
      });
    });

    afterAll(() => stop(api));

    it("sends a server's span in the caller's trace, and below it a client's, which the provider gets for its parent", async () => {
      const before = now();
      const response = await ask(api, { headers: { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'rojo=1' } });
      expect(response.status).toBe(200);
      await response.text();
      const after = now() + 1_000_000n;
      const spans = await spansOf(TRACE, 2);
      const server = spans.find(({ kind }) => kind === SERVER)!;
      const client = spans.find(({ kind }) => kind === CLIENT)!;
      expect(server).toMatchObject({ name: 'POST /v1/chat/completions', parentSpanId: SPAN, traceState: 'rojo=1', status: 0, resource: { 'service.name': 'edge', 'deployment.environment.name': 'test', 'telemetry.sdk.language': 'nodejs' } });
      expect(server.attributes).toMatchObject({
        'http.response.status_code': 200,
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o-mini',
        'gen_ai.response.model': 'gpt-4o-mini',
        'gen_ai.usage.input_tokens': 19,
        'gen_ai.usage.output_tokens': 7,
        'apex.request.id': response.headers.get('x-request-id'),
        'apex.customer.id': 'demo',
      });
      expect(client).toMatchObject({ name: 'chat gpt-4o-mini', parentSpanId: server.spanId, status: 0 });
      expect(client.attributes).toMatchObject({ 'server.address': '127.0.0.1', 'server.port': Number(new URL(providerUrl).port), 'gen_ai.usage.input_tokens': 19 });
      expect(before <= server.start && server.start <= client.start && client.start <= client.end && client.end <= server.end && server.end <= after).toBe(true);
      // The remote parent is marked as such.
      expect([server.flags & 0x200, client.flags & 0x200, server.flags & 1]).toEqual([0x200, 0, 1]);
      expect(provider.asked[0]).toMatchObject({ traceparent: `00-${TRACE}-${client.spanId}-01`, tracestate: 'rojo=1', 'x-client-request-id': client.attributes['apex.attempt.id'] });
    });

    it('begins a trace that is found by the request id, with a span of each attempt', async () => {
      provider.statuses.push(500);
      const response = await ask(api, { stream: true });
      expect(await response.text()).toContain('[DONE]');
      const traceId = response.headers.get('x-request-id')!.replaceAll('-', '');
      const spans = await spansOf(traceId, 3);
      const server = spans.find(({ kind }) => kind === SERVER)!;
      const clients = spans.filter(({ kind }) => kind === CLIENT);
      expect([server.parentSpanId, server.status]).toEqual([null, 0]);
      expect(server.attributes).toMatchObject({ 'gen_ai.request.stream': true, 'gen_ai.response.time_to_first_chunk': expect.any(Number) as number, 'apex.attempts': 2 });
      expect(clients.map(({ parentSpanId, status, attributes }) => [parentSpanId, status, attributes['http.response.status_code'], attributes['error.type'], attributes['http.request.resend_count']])).toEqual([
        [server.spanId, 2, 500, 'upstream_500', undefined],
        [server.spanId, 0, 200, undefined, 1],
      ]);
      expect(provider.asked.map(({ traceparent }) => traceparent)).toEqual(clients.map(({ spanId }) => `00-${traceId}-${spanId}-01`));
    });

    it("keeps nothing of a trace that its caller does not keep, and passes it on as it came", async () => {
      const traceId = 'a'.repeat(32);
      await (await ask(api, { headers: { traceparent: `00-${traceId}-${SPAN}-00` } })).text();
      expect(provider.asked[0]).toMatchObject({ traceparent: `00-${traceId}-${SPAN}-00` });
      const marker = await ask(api);
      await marker.text();
      await spansOf(marker.headers.get('x-request-id')!.replaceAll('-', ''), 2);
      expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
    });

    it('has spans of refusals as well, without an error of ours in them', async () => {
      const response = await ask(api, { messages: 'none' });
      expect(response.status).toBe(400);
      const [span] = await spansOf(response.headers.get('x-request-id')!.replaceAll('-', ''), 1);
      expect(span).toMatchObject({ kind: SERVER, status: 0, attributes: { 'http.response.status_code': 400, 'apex.status': 'denied' } });
    });

    it('sends metrics by the GenAI conventions', async () => {
      const of = (metric: string) => collector.points.filter((point) => point.metric === metric).at(-1);
      await until(() => of('gen_ai.server.time_to_first_token') !== undefined, 'metrics');
      const common = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'server.address': '127.0.0.1' };
      const well = collector.points.filter(({ metric, attributes }) => metric === 'gen_ai.client.operation.duration' && attributes['error.type'] === undefined).at(-1)!;
      expect(well).toMatchObject({ unit: 's', attributes: { ...common, 'gen_ai.request.model': 'gpt-4o-mini' } });
      expect([well.bounds[0], well.bounds.at(-1)]).toEqual([0.01, 81.92]);
      expect(well.sum).toBeLessThan(60);
      expect(collector.points.some(({ metric, attributes }) => metric === 'gen_ai.client.operation.duration' && attributes['error.type'] === 'upstream_500')).toBe(true);
      const tokens = collector.points.filter(({ metric, attributes }) => metric === 'gen_ai.client.token.usage' && attributes['gen_ai.token.type'] === 'input').at(-1)!;
      expect([tokens.unit, tokens.sum]).toEqual(['{token}', 19 * tokens.count]);
      expect(of('gen_ai.server.request.duration')).toMatchObject({ unit: 's', attributes: common });
    });

    it('sends neither prompts nor keys, and what the collector wants to see', async () => {
      expect(collector.headers.every((headers) => headers['x-collector-key'] === 'very secret' && headers['content-encoding'] === 'gzip' && headers['content-type'] === 'application/json')).toBe(true);
      for (const secret of ['Alice', PROVIDER_KEY, api.credentials!.apiKey, api.credentials!.adminToken]) expect(collector.raw).not.toContain(secret);
      const metrics = await metricsOf(api);
      expect(valueOf(metrics, 'apex_telemetry_spans_total{result="sent"}')).toBe(collector.spans.length);
      expect(valueOf(metrics, 'apex_telemetry_spans_total{result="dropped"}')).toBe(0);
    });

    it('sends what waits before it ends', async () => {
      const late = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
      const response = await ask(late);
      await response.text();
      await stop(late);
      expect(collector.spans.filter(({ traceId }) => traceId === response.headers.get('x-request-id')!.replaceAll('-', '')).length).toBe(2);
    });
  });

  describe.each(['hangs', 'refuses', 'is away'] as const)('with a collector that %s', (how) => {
    it('serves as before, in bounded memory, counts what is lost, and ends in time', async () => {
      collector.mode = how === 'is away' ? 'takes' : how;
      const received = collector.spans.length;
      const api = await start({
        OTEL_EXPORTER_OTLP_ENDPOINT: how === 'is away' ? 'http://127.0.0.1:9' : collector.url,
        OTEL_EXPORTER_OTLP_TIMEOUT: '300',
        OTEL_BSP_SCHEDULE_DELAY: '5',
        OTEL_BSP_MAX_QUEUE_SIZE: '50',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
        OTEL_METRIC_EXPORT_INTERVAL: '20',
      });
      const statuses = new Set<number>();
      let most = 0;
      for (let round = 0; round < 10; round++) {
        const responses = await Promise.all(Array.from({ length: 40 }, () => ask(api)));
        for (const response of responses) {
          statuses.add(response.status);
          await response.text();
        }
        most = Math.max(most, valueOf(await metricsOf(api), 'apex_telemetry_spans_waiting'));
      }
      expect([...statuses]).toEqual([200]);
      expect(most).toBeLessThanOrEqual(50);
      const lost = async (): Promise<number[]> => {
        const metrics = await metricsOf(api);
        return ['sent', 'dropped', 'lost'].map((result) => valueOf(metrics, `apex_telemetry_spans_total{result="${result}"}`));
      };
      await until(async () => (await lost())[2]! > 0, 'a batch given up');
      const [sent, dropped, given] = await lost();
      expect(sent).toBe(0);
      expect(dropped! + given! + 50).toBeGreaterThanOrEqual(800);
      expect(collector.spans.length).toBe(received);
      await until(async () => valueOf(await metricsOf(api), 'apex_telemetry_metric_failures_total') > 0, 'metrics given up');
      const since = performance.now();
      await stop(api);
      expect(performance.now() - since).toBeLessThan(10_000);
    });
  });

  describe('without a collector', () => {
    it("passes a caller's valid trace on, and nothing else", async () => {
      const api = await start({});
      const traceparent = `00-${TRACE}-${SPAN}-01`;
      await (await ask(api, { headers: { traceparent, tracestate: 'rojo=1' } })).text();
      await (await ask(api, { headers: { traceparent: `00-${TRACE}-${'0'.repeat(16)}-01`, tracestate: 'rojo=1' } })).text();
      await (await ask(api)).text();
      expect(provider.asked.map(({ traceparent: parent, tracestate }) => [parent, tracestate])).toEqual([[traceparent, 'rojo=1'], [undefined, undefined], [undefined, undefined]]);
    });

    it("loads nothing of OpenTelemetry's but the API that prom-client has with it", async () => {
      const program = (endpoint: string) =>
        runProgram(
          `
          const { registerHooks } = await import('node:module');
          const loaded = new Set();
          registerHooks({ load: (url, context, next) => { if (/@opentelemetry\\/(?!api\\/)/.test(url)) loaded.add(url); return next(url, context); } });
          const { GatewayMetrics, Tracing, telemetryConfig } = await importSource('libs/telemetry/src/index.ts');
          await Tracing.start(telemetryConfig(${JSON.stringify(endpoint === '' ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })}), {}, new GatewayMetrics());
          console.log(loaded.size);
          process.exit(0);
          `,
        ).line();
      expect(await program('')).toBe('0');
      expect(Number(await program('http://127.0.0.1:9'))).toBeGreaterThan(5);
    });
  });
});
