import { type TelemetryEnv, telemetryConfig } from './telemetry.config.js';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
const otlp = (env: TelemetryEnv) => telemetryConfig(env).otlp;

describe('telemetryConfig', () => {
  it('is nothing without an endpoint, or where it is switched off', () => {
    expect(telemetryConfig({})).toEqual({ otlp: null, warnings: [] });
    expect(telemetryConfig({ ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' })).toEqual({ otlp: null, warnings: [] });
    expect(telemetryConfig({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' })).toEqual({ otlp: null, warnings: [] });
    expect(telemetryConfig({ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' })).toEqual({ otlp: null, warnings: [] });
  });

  it("has the specification's defaults, but smaller batches", () => {
    const target = { headers: {}, timeoutMs: 10_000, gzip: false };
    expect(telemetryConfig(ENDPOINT)).toEqual({
      otlp: {
        traces: { ...target, url: 'http://collector:4318/v1/traces' },
        metrics: { ...target, url: 'http://collector:4318/v1/metrics' },
        sampler: { parentBased: true, ratio: 1 },
        resource: { 'service.name': 'netra-apex' },
        maxQueuedSpans: 2_048,
        batchSpans: 128,
        spanDelayMs: 5_000,
        metricIntervalMs: 60_000,
      },
      warnings: [],
    });
  });

  it('takes a signal\'s own variables before the common ones', () => {
    const config = otlp({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com/base/',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/as/it/is',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-team = a',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-team=b',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '500',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'none',
      OTEL_SERVICE_NAME: 'gateway',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=prod%2Ceu',
    });
    expect(config?.traces).toEqual({ url: 'http://traces:4318/as/it/is', headers: { authorization: 'Bearer abc', 'x-team': 'a' }, timeoutMs: 500, gzip: false });
    expect(config?.metrics).toEqual({ url: 'https://otlp.example.com/base/v1/metrics', headers: { authorization: 'Bearer abc', 'x-team': 'b' }, timeoutMs: 2_000, gzip: true });
    expect(config?.resource).toEqual({ 'service.name': 'gateway', 'deployment.environment.name': 'prod,eu' });
  });

  it.each([
    ['always_on', undefined, { parentBased: false, ratio: 1 }],
    ['always_off', undefined, { parentBased: false, ratio: 0 }],
    ['traceidratio', '0.25', { parentBased: false, ratio: 0.25 }],
    ['traceidratio', undefined, { parentBased: false, ratio: 1 }],
    ['parentbased_always_off', undefined, { parentBased: true, ratio: 0 }],
    ['parentbased_traceidratio', '0.01', { parentBased: true, ratio: 0.01 }],
  ])('knows the sampler %s', (name, arg, sampler) => {
    expect(otlp({ ...ENDPOINT, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg })?.sampler).toEqual(sampler);
  });

  it('ignores what it cannot use, by name and without its value', () => {
    const { otlp: config, warnings } = telemetryConfig({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'secret-collector',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'secret-grpc',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'secret-zip',
      OTEL_EXPORTER_OTLP_HEADERS: 'secret-header',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: 'secret-ratio',
      OTEL_BSP_MAX_QUEUE_SIZE: '-1',
      OTEL_BSP_SCHEDULE_DELAY: '1e99',
      OTEL_METRICS_EXPORTER: 'prometheus',
    });
    expect(config).toMatchObject({ traces: { url: 'http://collector:4317/v1/traces', headers: {}, gzip: false }, metrics: null, sampler: { parentBased: true, ratio: 1 }, maxQueuedSpans: 2_048, spanDelayMs: 5_000 });
    expect(warnings.map((warning) => warning.split(':')[0]).sort()).toEqual(
      [
        'OTEL_BSP_MAX_QUEUE_SIZE',
        'OTEL_BSP_SCHEDULE_DELAY',
        'OTEL_EXPORTER_OTLP_COMPRESSION',
        'OTEL_EXPORTER_OTLP_HEADERS',
        'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
        'OTEL_EXPORTER_OTLP_PROTOCOL',
        'OTEL_METRICS_EXPORTER',
        'OTEL_TRACES_SAMPLER_ARG',
      ].sort(),
    );
    expect(warnings.join()).not.toContain('secret');
    expect(telemetryConfig({ ...ENDPOINT, OTEL_TRACES_SAMPLER: 'jaeger_remote' })).toMatchObject({ otlp: { sampler: { parentBased: true, ratio: 1 } }, warnings: [expect.stringContaining('OTEL_TRACES_SAMPLER')] });
  });
});
